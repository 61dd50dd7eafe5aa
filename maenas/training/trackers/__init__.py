"""Trackers: they follow a training and send its numbers to a service or a file."""
