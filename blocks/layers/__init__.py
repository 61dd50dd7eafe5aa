"""The torch modules that blocks are built of, one idea a file."""
