"""The life of a batch: claimed, computed, finished, under a lease that a heartbeat keeps alive."""
