"""What the command lines share: a parser by the command's name, and numbers with a least value."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable
from typing import TypeVar

Number = TypeVar("Number", int, float)


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


def _reader(kind: type[Number], holds: Callable[[Number], bool], wish: str) -> Callable[[str], Number]:
    def read(text: str) -> Number:
        if not holds(number := kind(text)):
            raise ArgumentTypeError(wish)
        return number

    read.__name__ = kind.__name__  # argparse names it when the text is no number at all
    return read
