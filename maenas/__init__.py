"""The best object detector for a latency budget: searched, built and trained by one package."""

__version__ = "0.1.0"
