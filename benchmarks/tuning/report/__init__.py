"""Pictures and tables of what a sweep has written down."""
