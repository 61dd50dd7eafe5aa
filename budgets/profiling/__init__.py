"""Profiles of devices: which graphs are measured, in which order, and how they are sampled."""
