"""Kits that measure a device without Python by the tool of its vendor."""
