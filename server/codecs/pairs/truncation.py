"""How many tokens two texts keep where both have no room, as the tokenizers of transformers decide it. Pure."""

from __future__ import annotations


def longest_first(first: int, second: int, room: int) -> tuple[int, int]:
    """The longer of the two is cut until both are as long, then both are."""
    if first + second <= room:
        return first, second
    shorter = min(first, second, room // 2)
    return (room - shorter, shorter) if first > second else (shorter, room - shorter)


def only_first(first: int, second: int, room: int) -> tuple[int, int]:
    """The second stays whole; it leaves room for a token of the first."""
    return min(first, room - second), second
