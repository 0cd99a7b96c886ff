"""What answers at each address: one file a task, and the house-keeping."""
