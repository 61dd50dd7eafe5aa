"""How good a detector is on a data set, and where it fails."""
