"""Ray clusters: connection, versions of every node, what Ray prints."""
