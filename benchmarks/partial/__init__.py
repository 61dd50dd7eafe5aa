"""Data sets and trainings of `bench_union`."""
