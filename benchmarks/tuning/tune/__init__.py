"""Which window and size to run with, found on a live server."""
