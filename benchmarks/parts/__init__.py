"""What single parts of the path cost: bodies in the broker, pictures in the front end, the grouping of a clustering."""
