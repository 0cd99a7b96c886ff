"""Around the addresses: what every request gets, and what some settings add."""
