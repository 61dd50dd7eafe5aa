"""Scores: maximum entropy in closed form and on random networks."""
