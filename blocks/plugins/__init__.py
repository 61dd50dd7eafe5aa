"""Plugins: user modules that add blocks, scores, searchers, assigners, backends and readers."""
