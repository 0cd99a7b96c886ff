"""The stateless front end: HTTP on one side, the broker on the other."""
