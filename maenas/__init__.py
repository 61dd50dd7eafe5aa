"""maenas."""
