"""Published recipes, one file a scale."""
