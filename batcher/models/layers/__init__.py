"""What networks are built of: weights packed for a dtype."""
