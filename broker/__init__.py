"""What travels between front ends and batchers, and how Redis keeps it."""
