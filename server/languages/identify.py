"""The one function behind `auto`: a text to the languages of a model that it may be in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import NamedTuple

AUTO = "auto"  # in place of a source language
READ = 1000  # characters of a text, from its first word on
PACKAGES = ("eldc", "pycld2")
REMEDY = "pip install 'jitney[server,langid]'"


class Guess(NamedTuple):
    """A language of the model's, by its own code, and how well the text fits it."""

    code: str
    score: float  # 0–1; no probability: those of one text need not add up to 1


# The best first; none where the text has no letters, or is in another language than the model's. Only its beginning is
# read. Thread-safe.
Identify = Callable[[str], list[Guess]]


def is_installed() -> bool:
    """Whether this front end has the extra `langid`."""
    return all(find_spec(package) is not None for package in PACKAGES)


def identifier(offered: Mapping[str, str]) -> Identify:
    """The function for a model that offers these: its own codes by their tags, as `by_tag` has them.

    Raises `ImportError` where the extra is missing.
    """
    from server.languages.detectors import Detectors

    return Detectors(offered)
