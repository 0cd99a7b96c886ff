"""PostgreSQL and SQLite, each behind the same promise."""
