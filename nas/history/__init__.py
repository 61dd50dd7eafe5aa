"""What a search evaluated: the journal on disk, records, memory of scores."""
