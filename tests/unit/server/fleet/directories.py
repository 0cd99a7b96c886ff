"""Directories as a look at the broker makes them, and what requests are told by one."""

from __future__ import annotations

from collections import Counter

import pytest

from broker.messages import Announcement, Fleet
from server.errors import Problem
from server.fleet.directory import Directory
from tests.unit.server.stand_in import WordCodec

NOW = 1_000.0


def codecs(*cards):
    return {one.key: WordCodec(one, {}) for one in cards}


def seen(*announcements: Announcement, ready=None, before=None, now=NOW, known=frozenset(), **told) -> Directory:
    """The directory after a look that showed these."""
    ready = codecs(*(one.card for one in announcements)) if ready is None else ready
    fleet = Fleet(epoch="e", announcements=announcements, known_names=known, **told)
    return (before or Directory()).updated(fleet, ready, now)


def refusal(directory: Directory) -> Problem:
    """What a request for the task is told that names no model."""
    with pytest.raises(Problem) as caught:
        directory.for_task("echoing", None, NOW + 20)
    return caught.value


def shared_out(directory: Directory, name: str = "echo", requests: int = 100) -> Counter[str]:
    """How many of so many requests each revision gets."""
    return Counter(directory.named(name, NOW).card.revision for _ in range(requests))
