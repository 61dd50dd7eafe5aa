"""Scripts that print a figure."""
