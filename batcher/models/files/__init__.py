"""A model's directory: where it is, whether it is whole, what is in it."""
