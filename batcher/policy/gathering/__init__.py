"""Whether, and how long, a batch waits for callers that were just answered and will come back. Pure."""
