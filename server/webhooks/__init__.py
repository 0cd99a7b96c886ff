"""Webhooks: whoever asked for one is told when a prediction has ended, by the rules of Standard Webhooks."""
