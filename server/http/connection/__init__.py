"""A client's connection: requests cut out of its bytes, bounds for what it may send, answers in their order."""
