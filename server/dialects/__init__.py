"""The APIs that a front end speaks, each a file and a table of routes over the same core."""
