"""The command line: one file per command, with its signature, help and output."""
