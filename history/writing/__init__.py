"""The one process that brings rows from the broker to the database."""
