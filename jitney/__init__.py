"""The command line: starts front ends, batchers and a broker as processes, and imports none of the two sides."""

__version__ = "0.1.0"
