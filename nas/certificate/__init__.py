"""Certificates: the exact solver, and the gap between a result and the bound on the optimum."""
