"""Train a detector or a family: set-up, run folder, charts."""
