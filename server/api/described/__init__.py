"""/openapi.json and /docs: the tables of addresses as documents."""
