"""The in-memory twin of the broker, for unit tests: the promises of `contract.py` without a server."""
