"""Readers of data sets in the form in which they were published."""
