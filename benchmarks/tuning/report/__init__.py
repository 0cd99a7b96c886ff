"""Pictures and tables of what a sweep or a tuning has written down."""
