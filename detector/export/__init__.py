"""Export a detector for other runtimes; every file is checked before it is kept."""
