"""Requests at a server that runs: one after the other, or when they are due."""
