"""One stack for all tests of the cache, with a model for each task."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.cache.cached import Cached, cached_stack
from tests.integration.one_of_each import MODELS


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cached]:
    where = tmp_path_factory.mktemp("cache")
    with cached_stack(where, *MODELS, files=where / "files") as made:
        yield made
