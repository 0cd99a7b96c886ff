"""How processes of Jitney begin and end."""
