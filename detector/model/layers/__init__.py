"""The torch modules of neck and head, one idea a file."""
