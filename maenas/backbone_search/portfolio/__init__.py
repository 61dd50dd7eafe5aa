"""A portfolio: certified optima of several scores under the same budgets, far from each other."""
