"""Run folders: configuration, names of models, claims."""
