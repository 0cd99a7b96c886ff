"""Two texts in one row of ids: a query and a text that may answer it, a text and what may follow from it."""
