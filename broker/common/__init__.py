"""What both sides share, and the broker itself: logs, pauses, bounds of a process's surroundings."""
