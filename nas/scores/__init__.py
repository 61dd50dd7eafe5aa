"""Scores: maximum entropy in closed form and on random networks, and simple additive scores."""
