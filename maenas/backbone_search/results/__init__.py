"""Results of a search: what is computed at the end, printed, drawn, written and read back."""
