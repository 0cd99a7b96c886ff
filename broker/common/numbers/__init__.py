"""Numbers that both sides handle alike."""
