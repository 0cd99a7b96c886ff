"""What a job costs, by backlog, payload, records a request and size of a batch."""
