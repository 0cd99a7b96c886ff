"""The same model without batching and with it."""
