"""What is decided: values and `now` in, a decision out. No Redis, no tensors, no clock of its own."""
