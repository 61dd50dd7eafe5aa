"""Parts of `bench_real`: trainings of our detectors and of peers on real images, and one judge."""
