"""The files of a batch: formats, OUT as it grows, and what it goes on from."""
