"""Window and size found by measuring: sweeps, predictions, and reports on them."""
