"""The published backbones as specs."""
