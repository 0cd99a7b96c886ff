"""A connection and a request as HTTP knows them: nothing here knows a model or the broker."""
