"""What a batch reads: the lines of its file."""
