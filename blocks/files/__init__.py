"""Files in and out: strict YAML, and writing in one step."""
