"""Every command that a page shows is run by a test, or its page says what it needs that no machine of ours has."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.shown_commands import ROOT, Shown, shown
from tests.shown_elsewhere import NEEDS, PROGRAMS, TABLE, Elsewhere, all_shown, elsewhere, is_honest

ALL = list(all_shown())
MARKED = [pytest.param(one, id=str(one)) for one in ALL if one.needs]


@pytest.mark.parametrize("one", MARKED)
def test_what_is_marked_needs_that_and_nobody_runs_it(one: Shown) -> None:
    assert is_honest(one)
    assert elsewhere(one) == []


def test_nothing_that_a_page_says_is_needed_goes_unused() -> None:
    used = Counter(need for one in ALL for need in one.needs)

    assert used.keys() == NEEDS.keys()


@pytest.mark.parametrize("row", [pytest.param(row, id=row.pattern) for row in TABLE])
def test_a_command_that_is_run_elsewhere_is_run_there(row: Elsewhere) -> None:
    assert row.proof in (ROOT / row.file).read_text(encoding="utf-8")
    assert [one for one in ALL if row in elsewhere(one)] != [], "no page shows it"


def test_a_mark_holds_to_the_next_empty_line_and_excuses_only_what_needs_it(tmp_path: Path) -> None:
    page = ROOT / "docs" / "page.md"
    block = "# Needs a cluster and an image engine.\nPASSWORD=x\nkubectl get pods\njitney status\n\nkubectl get nodes\n"

    found = shown_in(block, tmp_path, page)

    assert [is_honest(one) for one in found] == [True, True, False, False]
    assert [len(one.needs) for one in found] == [2, 2, 2, 0]


def shown_in(block: str, directory: Path, page: Path) -> list[Shown]:
    written = directory / page.name
    written.write_text(f"```sh\n{block}```\n", encoding="utf-8")
    return list(shown(written, PROGRAMS))
