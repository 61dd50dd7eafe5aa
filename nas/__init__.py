"""Training-free search."""
