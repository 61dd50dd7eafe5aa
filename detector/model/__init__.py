"""The detector: its spec, neck, head, PyTorch modules, decoding, and published models."""
