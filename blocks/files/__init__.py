"""Reading and writing files: strict YAML and JSON, atomic writes."""
