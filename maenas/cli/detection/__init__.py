"""Commands that build, export and run detectors."""
