"""One stack for all tests of the cache, with a model for each task."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.cache.cached import Cached, cached_stack

MODELS = (
    "tests.integration.clients.models:Shout",
    "tests.integration.toy_embedders:Thirds",
    "tests.integration.toy_pairs:Ranker",
    "tests.integration.toy_pairs:Nli",
    "tests.integration.clients.models:Judge",
    "tests.integration.clients.models:Colour",
)


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cached]:
    where = tmp_path_factory.mktemp("cache")
    with cached_stack(where, *MODELS, files=where / "files") as made:
        yield made
