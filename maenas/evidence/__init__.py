"""How well scores order trained networks of equal cost: tables, statistics and short trainings."""
