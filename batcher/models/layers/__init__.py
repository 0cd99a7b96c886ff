"""What networks are built of: weights packed for the numbers of the setting."""
