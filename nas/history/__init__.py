"""The evaluations of a search: the journal on disk, the record, the memory of scores."""
