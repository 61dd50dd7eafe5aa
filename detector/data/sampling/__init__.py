"""Sampling of training images: how often each source, class and image is drawn in an epoch."""
