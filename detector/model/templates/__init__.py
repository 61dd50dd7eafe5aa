"""One template for each scale."""
