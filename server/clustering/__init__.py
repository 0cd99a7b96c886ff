"""Which texts mean alike: groups of records, made of the vectors that an embedding model gives them."""
