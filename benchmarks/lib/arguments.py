"""What the command lines share: a parser by the command's name, and numbers with a least value."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable
from typing import TypeVar

from benchmarks.lib.machine import usable_cores

Number = TypeVar("Number", int, float)
Value = TypeVar("Value")


def parser(name: str, description: str | None) -> ArgumentParser:
    """Of `python -m benchmarks NAME`; its help begins with the module's docstring."""
    prog = f"python -m benchmarks {name}"
    return ArgumentParser(prog=prog, description=description, formatter_class=RawDescriptionHelpFormatter)


def above(least: Number) -> Callable[[str], Number]:
    """A reader of numbers of the same kind as `least` that refuses those not above it."""
    return _reader(type(least), lambda number: number > least, f"above {least}, please")


def at_least(least: Number) -> Callable[[str], Number]:
    """A reader of numbers of the same kind as `least` that refuses smaller ones."""
    return _reader(type(least), lambda number: number >= least, f"at least {least}, please")


def each(read: Callable[[str], Value]) -> Callable[[str], list[Value]]:
    """A reader of several, with commas between them."""

    def values(text: str) -> list[Value]:
        return [read(part) for part in text.split(",")]

    values.__name__ = "comma-separated"  # argparse names it when a part cannot be read
    return values


def cores(text: str) -> frozenset[int]:
    """A reader of cores for the servers, `0` or `0,1`: some that are here, and one at least is left for who sends."""
    here, asked = usable_cores(), frozenset(map(int, text.split(",")))
    if not asked < here:
        raise ArgumentTypeError(f"some of {', '.join(map(str, sorted(here)))}, please, and not all of them")
    return asked


def _reader(kind: type[Number], holds: Callable[[Number], bool], wish: str) -> Callable[[str], Number]:
    def read(text: str) -> Number:
        if not holds(number := kind(text)):
            raise ArgumentTypeError(wish)
        return number

    read.__name__ = kind.__name__  # argparse names it when the text is no number at all
    return read
