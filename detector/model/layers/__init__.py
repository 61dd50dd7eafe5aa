"""PyTorch modules of the neck and the head."""
