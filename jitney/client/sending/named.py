"""A client's method that looks like the call it sends."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

M = TypeVar("M", bound=Callable[..., Any])


def named(method: M, call: Callable[..., Any]) -> M:
    """The method with the name, the words and the parameters of the call, behind `self`."""
    signature, itself = inspect.signature(call), inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    method.__name__, method.__doc__ = call.__name__, call.__doc__
    method.__signature__ = signature.replace(parameters=[itself, *signature.parameters.values()])  # type: ignore[attr-defined]
    return method
