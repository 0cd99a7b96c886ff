"""`jitney keys`: who may call."""
