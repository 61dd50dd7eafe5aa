"""Use cases of latency: profile a device, measure and predict networks."""
