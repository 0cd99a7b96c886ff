"""One server for all tests of the client: the demo's translation, and toys that need no torch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.stack import Stack, stack

TOYS = [f"tests.integration.client.toys:{name}" for name in ("Sentiment", "Meaning", "Ranker", "Colour")]


@pytest.fixture(scope="package")
def system() -> Iterator[Stack]:
    with stack(models=["translation:demo/translation", *TOYS]) as made:
        yield made
