"""The commands of every page, run in the page's order on one system that was started as README.md says."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.shown.reader import DONE_BEFORE, STAND_INS, SUPPOSED, THEIRS, on_this_machine, write_files
from tests.integration.shown.walk import Walk, walking
from tests.shown_elsewhere import run_here

pytestmark = pytest.mark.timeout(280)

BY_PAGE = run_here()
SERVE = "make serve"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """A reader of README.md, who has started it."""
    [serve] = [one for one in BY_PAGE["README.md"] if one.text.startswith(SERVE)]
    with walking(tmp_path_factory.mktemp("home"), JITNEY_ALIAS="photos=image_classification") as walk:
        walk.run(on_this_machine(serve, walk), serve)
        yield walk


@pytest.mark.parametrize("page", list(BY_PAGE))
def test_the_commands_of_a_page_do_what_it_says(page: str, home: Walk, tmp_path: Path) -> None:
    if any("redis-cli" in one.text for one in BY_PAGE[page]) and shutil.which("redis-cli") is None:
        pytest.skip("there is no redis-cli: Debian's redis-tools has it")
    begun = {"JITNEY_REDIS_URL": home.broker, "JITNEY_URL": home.url}
    with walking(tmp_path, **begun, **SUPPOSED.get(page, {})) as walk:
        walk.port = home.port
        write_files(tmp_path)
        if page in DONE_BEFORE:
            walk.prepare(DONE_BEFORE[page](walk))
        for one in BY_PAGE[page]:
            if not one.text.startswith(SERVE):
                walk.run(on_this_machine(one, walk), one, only_keys=page in STAND_INS)


@pytest.mark.parametrize("pattern", [pattern for pattern, _ in THEIRS])
def test_what_is_put_in_for_the_readers_stands_in_a_page(pattern: str) -> None:
    shown = [one.text for found in BY_PAGE.values() for one in found]

    assert [text for text in shown if re.search(pattern, text, re.MULTILINE)] != []
