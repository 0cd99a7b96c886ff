"""The history's databases: what became of each record, written by one process, read and erased by others."""
