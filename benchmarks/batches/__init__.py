"""Answers that come later: what batches do to those who wait, what a kill costs, what a prediction costs."""
