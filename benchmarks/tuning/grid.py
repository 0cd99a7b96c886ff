"""Which limits a sweep tries. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from broker.messages import Limits


def grid(
    windows: Sequence[float], sizes: Sequence[int], tokens: Sequence[int], policies: Sequence[str]
) -> list[Limits]:
    """Every combination once; `adaptive` has no window. Raises `ValueError` for limits that a batcher would refuse."""
    tried = [
        Limits(policy=policy, max_wait=window, max_batch_size=size, max_batch_tokens=budget)
        for policy, size, budget, window in product(policies, sizes, tokens, windows)
    ]
    if complaints := [complaint for limits in tried for complaint in limits.complaints()]:
        raise ValueError(complaints[0])
    return list({_told_apart(limits): limits for limits in reversed(tried)}.values())[::-1]


def seconds(text: str) -> float:
    """`5ms`, `0.2s` or a plain number of seconds."""
    number, unit = (text[:-2], 1e-3) if text.endswith("ms") else (text.removesuffix("s"), 1.0)
    return float(number) * unit


def shown(limits: Limits) -> str:
    """A setting in a few words; the budget of tokens only where it is not the usual one."""
    window = f"fixed {limits.max_wait * 1000:g} ms" if limits.policy == "fixed" else limits.policy
    jobs = "1 job" if limits.max_batch_size == 1 else f"{limits.max_batch_size} jobs"
    tokens = limits.max_batch_tokens
    return f"{window}, {jobs}" + ("" if tokens == Limits().max_batch_tokens else f", {tokens} tokens")


def _told_apart(limits: Limits) -> tuple[str, int, int, float]:
    window = limits.max_wait if limits.policy == "fixed" else 0.0
    return limits.policy, limits.max_batch_size, limits.max_batch_tokens, window
