"""Checkpoints with the network of M2M100: which family one is of, and what its tokenizer files say."""
