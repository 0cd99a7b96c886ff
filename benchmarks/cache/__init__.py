"""What answers given before bring, and what a cache and a history cost."""
