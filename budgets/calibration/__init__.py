"""Calibration of a latency model on the measured latency of a few whole networks."""
