"""How the next token is chosen: greedy, or by beams."""
