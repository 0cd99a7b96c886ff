"""One process per card: claims jobs, computes them in batches, publishes the outcomes."""
