"""A panic in a Rust library arrives as an exception that is no `Exception`: caught by nobody, it ends a whole task.

Its words may repeat the text that was read, so they go to no log.
"""

from __future__ import annotations

import asyncio

# What is meant to end more than the work at hand.
CONTROL = (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit)


def is_panic(error: BaseException) -> bool:
    """Whether foreign code broke, in a way that concerns only whoever called it."""
    return not isinstance(error, (Exception, *CONTROL))
