"""Latency: profile a device, measure and predict networks."""
