"""Pictures, from the bytes of their files to the pixels that a model wants."""
