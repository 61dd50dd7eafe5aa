"""Proofs: the exact solver, and how far a result is from the optimum."""
