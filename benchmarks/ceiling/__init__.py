"""Jitney beside the limits of what it is made of."""
