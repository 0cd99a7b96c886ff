"""`jitney history` and `jitney report`: what became of each record, kept in a database."""
