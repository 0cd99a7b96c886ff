"""What front ends do for the history: what is kept of each record, and who may read it."""
