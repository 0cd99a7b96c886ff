"""Batches of requests from a file, as OpenAI's clients send them: lines in, lines out, in their order."""
