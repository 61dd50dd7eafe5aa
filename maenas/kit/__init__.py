"""Use cases of kits: write one for a device without Python, and read its logs into a table."""
