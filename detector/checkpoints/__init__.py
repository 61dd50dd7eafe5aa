"""Weights on disk: our folders, PyTorch checkpoints and the official ones."""
