"""Calls over HTTP: once with threads, once with asyncio."""
