"""What both sides of the house share, and the broker itself: logs, pauses, bounds of a process's surroundings."""
