"""Modules of a user's own that add blocks, scores and searchers."""
