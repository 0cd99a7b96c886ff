"""What was answered before: records that need no computing."""
