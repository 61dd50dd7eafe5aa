"""Profiles: what is measured on a device, in which order, and how samples are taken."""
