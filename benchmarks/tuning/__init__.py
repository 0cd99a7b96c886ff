"""Window and size found by measuring: sweeps, tuning, and reports on them."""
