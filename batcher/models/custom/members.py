"""What a model of one's own must be, besides having `forward`: told at load, where somebody can mend it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from batcher.models.errors import ModelSpecError

# What each method is called with: values that stand for the arguments, by place and by name.
CALLS: Mapping[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "forward": (([],), {}),
    "cost": (("",), {}),
    "warm_up": ((), {}),
    "report_to": ((print,), {}),
    "in_flight": ((), {"max_size": 1, "max_tokens": 1, "progress": print}),
}
WORDS = {
    "forward": "forward(inputs)",
    "cost": "cost(input)",
    "warm_up": "warm_up()",
    "report_to": "report_to(progress)",
    "in_flight": "in_flight(*, max_size, max_tokens, progress)",
}


def check_members(model: Any, where: str) -> None:
    """Raises `ModelSpecError` for methods that could not be called as the batcher calls them."""
    if not callable(getattr(model, "forward", None)):
        raise ModelSpecError(f"{where} has no method forward(inputs), so it is no model")
    for name in CALLS:
        method = getattr(model, name, None)
        if method is not None:
            _check(method, name, where)


def _check(method: Any, name: str, where: str) -> None:
    if not callable(method):
        raise ModelSpecError(f"{where}: its {name} is no method; {WORDS[name]} is")
    if kind := _kind(method):
        raise ModelSpecError(f"{where}: its {name} is {kind}; the batcher calls a plain function, in its own thread")
    arguments, named = CALLS[name]
    try:
        inspect.signature(method).bind(*arguments, **named)
    except ValueError:
        pass  # written in C: it does not tell
    except TypeError as error:
        raise ModelSpecError(f"{where}: its {name} must be callable as {WORDS[name]}: {error}") from error


def _kind(method: Any) -> str:
    """What kind of function this is that gives no result when it is called; "" for a plain one."""
    for function in (method, method.__call__):
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            return "async"
        if inspect.isgeneratorfunction(function):
            return "a generator"
    return ""
