"""What the measurements share: load, a stack of our own to measure, the machine."""
