"""Who asks: callers, the keys that tell them, and what each may ask for."""
