"""Use cases of a finished detector: build, export, predict, evaluate."""
