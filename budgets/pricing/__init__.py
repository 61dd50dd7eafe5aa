"""Prices of operators: kernels, rooflines, fitted tables and their errors."""
