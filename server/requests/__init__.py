"""Who waits for what: pending requests, and the tasks that bring them to the broker and back."""
