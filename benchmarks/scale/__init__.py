"""What one process more brings: front ends on one batcher, batchers on one lane."""
