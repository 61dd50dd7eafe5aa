"""What a GPU computes, how fast, and whether it agrees with a CPU: one script, one JSON file."""
