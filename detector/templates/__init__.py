"""One template a scale."""
