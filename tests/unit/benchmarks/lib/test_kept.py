"""Reports come back from JSON as they were, and tables go between their marks in a page and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from benchmarks.lib import kept
from benchmarks.lib.arguments import parser

PAGE = "# Page\n\n<!-- cost -->\nold\n<!-- end of cost -->\n\nWords.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    rate: float


def options(*arguments: object):
    command = parser("any", None)
    kept.add_options(command)
    return command.parse_args([str(one) for one in arguments])


def tables(found: Found) -> kept.Tables:
    return {"cost": [f"| {found.rate} |"]}


def never() -> Found:
    raise AssertionError("measured for nothing")


def test_a_table_takes_the_place_of_the_old_one():
    assert kept.put(PAGE, {"cost": ["| 1 |"]}) == PAGE.replace("\nold\n", "\n\n| 1 |\n\n")


def test_a_table_put_twice_stands_there_once():
    once = kept.put(PAGE, {"cost": ["| 1 |"]})

    assert kept.put(once, {"cost": ["| 1 |"]}) == once


def test_a_table_that_the_page_has_no_marks_for_stays_away():
    assert kept.put(PAGE, {"scale": ["| 1 |"]}) == PAGE


def test_what_was_kept_is_shown_without_measuring(tmp_path):
    kept.write(tmp_path / "found.json", Found(rate=2.5))

    assert kept.deliver(options("--from", tmp_path / "found.json"), Found, never, tables) == {"cost": ["| 2.5 |"]}


def test_what_is_measured_is_kept_and_put_into_pages(tmp_path):
    page, file = tmp_path / "page.md", tmp_path / "found.json"
    page.write_text(PAGE)

    kept.deliver(options("--json", file, "--into", page), Found, lambda: Found(rate=2.5), tables)

    assert (kept.read(file, Found), "\n| 2.5 |\n" in page.read_text()) == (Found(rate=2.5), True)


def test_a_page_without_marks_is_told_before_anything_is_measured(tmp_path):
    (tmp_path / "page.md").write_text("# Page\n")

    with pytest.raises(ValueError, match="has no lines <!-- NAME -->"):
        kept.deliver(options("--into", tmp_path / "page.md"), Found, never, tables)


def test_a_folder_that_is_not_there_is_told_before_anything_is_measured(tmp_path):
    with pytest.raises(ValueError, match="is no folder"):
        kept.deliver(options("--json", tmp_path / "away" / "found.json"), Found, never, tables)


def test_a_file_of_something_else_is_told(tmp_path):
    (tmp_path / "found.json").write_text('{"latency": 1}')

    with pytest.raises(ValueError, match="not what this command writes"):
        kept.read(tmp_path / "found.json", Found)
