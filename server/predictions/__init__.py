"""Predictions: requests that are answered later, to whoever fetches the answer."""
