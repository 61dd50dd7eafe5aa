"""Unions of data sets: which class of each becomes which class of all, and their joined images."""
