"""Rows as a stream: each record of a request is sent as it ends, to clients that ask for it by `Accept`."""
