"""Predictions as the broker keeps them: requests whose clients come back for the answer."""
