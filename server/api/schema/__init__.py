"""The bodies of requests and replies: one file a task, and what they all have in common."""
