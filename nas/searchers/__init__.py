"""Searchers: evolution, random search, islands."""
