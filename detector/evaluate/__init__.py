"""Evaluation of a detector on a data set: metrics and errors."""
