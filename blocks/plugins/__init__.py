"""Plugins: user modules that add blocks, scores and searchers."""
