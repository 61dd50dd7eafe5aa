"""Benchmarks: scripts that print a figure."""
