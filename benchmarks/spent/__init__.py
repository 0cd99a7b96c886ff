"""What a stack spent on some work: processor time, commands of the broker, batches."""
