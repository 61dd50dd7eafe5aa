"""The use case of a training: set-up, run, charts, families."""
