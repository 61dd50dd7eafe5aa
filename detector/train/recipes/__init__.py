"""Published recipes, one file for each scale."""
