"""The command line: one file a command, with signature, help and output."""
