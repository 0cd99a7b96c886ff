"""`jitney dead`: jobs that crashed a batcher three times."""
