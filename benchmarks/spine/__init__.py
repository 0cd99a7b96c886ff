"""The whole path beside bare Starlette."""
