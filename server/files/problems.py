"""What a client is told when the store does not do it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from server.errors import Problem
from server.files.store import StoreAway, StoreFull


@contextmanager
def store_problems() -> Iterator[None]:
    """Errors of the store as problems."""
    try:
        yield
    except StoreFull as error:
        raise Problem("store_full", str(error)) from error
    except StoreAway as error:
        raise Problem("store_unavailable", str(error)) from error
