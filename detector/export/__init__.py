"""From a detector to files that other runtimes read; every file is checked before it is kept."""
