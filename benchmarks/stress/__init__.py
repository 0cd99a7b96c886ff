"""The stress test of the server that Jitney replaces."""
