"""What is kept, read: rows page by page, reports, and both as CSV."""
