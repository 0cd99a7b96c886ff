"""Only the rows that failed, again; an OUT that was not made of IN is noticed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jitney.batch.contract import Answer, Item, Stopped, failed
from jitney.batch.files.retry_failed import items_to_retry
from tests.unit.jitney.batch.kit import jsonl_format, texts


def retried(folder: Path, *, answered: int = 4, failed_ids: dict[int, int] | None = None, rows: int = 4) -> list[Item]:
    """Of rows whose ids are their numbers; `failed_ids` is row → id."""
    format, ids = jsonl_format(), {2: 2} if failed_ids is None else failed_ids
    answer = Answer(fields={"text": "un"})
    lines = [format.line(row, failed("c", "m") if row.number in ids else answer) for row in texts(answered)]
    (folder / "out").write_bytes(b"".join(lines))
    said = [json.dumps({"row": number, "id": row_id, "error": {}}) + "\n" for number, row_id in ids.items()]
    (folder / "errors").write_text("".join(said))
    return list(items_to_retry(iter(texts(rows)), format, folder / "out", folder / "errors"))


def test_failed_rows_are_asked_again_and_the_others_kept(tmp_path: Path) -> None:
    items = retried(tmp_path, failed_ids={2: 2, 4: 4})

    assert [item.kept for item in items] == [b'{"id": 1, "text": "un"}\n', None, b'{"id": 3, "text": "un"}\n', None]


@pytest.mark.parametrize(
    ("answered", "failed_ids", "rows", "why"),
    [
        (3, {2: 2}, 4, "fewer rows"),
        (5, {2: 2}, 4, "more rows"),
        (4, {2: 7}, 4, "its row 2 has another id"),
        (4, {9: 9}, 4, "names row 9, and IN has 4"),
    ],
)
def test_an_out_of_another_file_is_noticed(
    answered: int, failed_ids: dict[int, int], rows: int, why: str, tmp_path: Path
) -> None:
    with pytest.raises(Stopped, match=why):
        retried(tmp_path, answered=answered, failed_ids=failed_ids, rows=rows)
