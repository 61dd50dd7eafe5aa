"""The torch modules that blocks consist of, one per file."""
