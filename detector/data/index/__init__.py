"""The index of a large data set: its columns on disk, mapped into memory by every process."""
