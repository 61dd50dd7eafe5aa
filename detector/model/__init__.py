"""The detector as data and as modules: spec, neck, head, decoding, published models."""
