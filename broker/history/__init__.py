"""What became of each record, on its way from front ends to the database."""
