"""OUT.part goes on from wherever it is torn, and never with another file or other options."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jitney.batch.contract import Answer, Format, Row, Stopped, failed
from jitney.batch.files.output import CHECKPOINT_EVERY, Output
from jitney.batch.files.state import Names
from tests.conftest import FakeClock
from tests.unit.jitney.batch.kit import csv_format, jsonl_format

TEXTS = ["plain", 'a "quoted"\r\nline', "é\n\n,;", '"', "", "失敗", "\r", '"",\n""']
IDENTITY = {"in": {"size": 1}, "out": None, "options": {"--set toLang": "fr"}}
FORMATS = {"jsonl": jsonl_format, "csv": csv_format}


def format_named(name: str) -> Format:
    format = FORMATS[name]()
    format.begin(io.BytesIO(b"id,text\n"))
    return format


def row(at: int) -> Row:
    text = TEXTS[at]
    return Row(number=at + 1, id=f"r{at}", text=text, cells=[f"r{at}", text])


def answer(at: int) -> Answer:
    return failed("expired", 'too "late"\n') if at % 3 == 2 else Answer(fields={"text": TEXTS[at]})


def write(output: Output, format: Format, first: int, last: int) -> None:
    for at in range(first, last):
        error = answer(at).error
        output.write([format.line(row(at), answer(at))], [(row(at), error)] if error else [])


@contextlib.contextmanager
def directory() -> Iterator[Names]:
    with tempfile.TemporaryDirectory() as folder:
        yield Names(out=Path(folder) / "out")


def output(names: Names, format: Format, identity: Any = IDENTITY, clock: FakeClock | None = None) -> Output:
    return Output(names, format, identity, clock or FakeClock())


def whole(name: str) -> tuple[bytes, list[int]]:
    """A complete OUT, and the bytes at which its rows end."""
    format = format_named(name)
    data, ends = format.head(), []
    for at in range(len(TEXTS)):
        data += format.line(row(at), answer(at))
        ends.append(len(data))
    return data, ends


@settings(max_examples=80, deadline=None)
@given(name=st.sampled_from(sorted(FORMATS)), checkpoint=st.integers(0, len(TEXTS)), torn_at=st.integers(0, 400))
@example(name="csv", checkpoint=len(TEXTS), torn_at=0)
@example(name="jsonl", checkpoint=3, torn_at=10_000)
def test_torn_at_any_byte_it_goes_on_behind_the_last_whole_row(name: str, checkpoint: int, torn_at: int) -> None:
    data, ends = whole(name)
    format = format_named(name)
    with directory() as names:
        with (first := output(names, format)).open():
            write(first, format, 0, checkpoint)
            first.checkpoint()
            write(first, format, checkpoint, len(TEXTS))
        names.part.write_bytes(data[:torn_at])

        with (second := output(names, format)).open():
            there = second.rows
            write(second, format, there, len(TEXTS))
            second.finish()

        assert there == sum(end <= torn_at for end in ends)
        assert names.out.read_bytes() == data
        assert [json.loads(line)["row"] for line in names.errors.read_bytes().splitlines()] == [3, 6]
        assert (second.rows, second.failed) == (len(TEXTS), 2)
        assert sorted(path.name for path in names.out.parent.iterdir()) == ["out", "out.errors.jsonl"]


def test_after_a_loss_of_power_only_the_checkpoint_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    format = format_named("jsonl")
    data, ends = whole("jsonl")
    with directory() as names:
        with (first := output(names, format)).open():
            write(first, format, 0, 4)
            first.checkpoint()
            write(first, format, 4, 7)
        monkeypatch.setattr("jitney.batch.files.output.boot", lambda: "another start")

        with (second := output(names, format)).open():
            assert (second.rows, second.failed) == (4, 1)
            assert names.part.read_bytes() == data[: ends[3]]


def test_a_checkpoint_is_made_every_few_seconds() -> None:
    format, clock = format_named("jsonl"), FakeClock()
    with directory() as names, (it := output(names, format, clock=clock)).open():
        write(it, format, 0, 1)
        before = json.loads(names.state.read_bytes())["rows"]
        clock.tick(CHECKPOINT_EVERY)
        write(it, format, 1, 2)

        assert (before, json.loads(names.state.read_bytes())["rows"]) == (0, 2)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"in": {"size": 2}}, "IN has changed"),
        ({"out": {"size": 2}}, "OUT has changed"),
        ({"options": {"--set toLang": "de"}}, "--set toLang was 'fr', now is 'de'"),
        ({"options": {}}, "--set toLang was 'fr', now is None"),
    ],
)
def test_another_file_or_other_options_are_refused_by_name(changed: Any, why: str) -> None:
    format = format_named("jsonl")
    with directory() as names:
        with (first := output(names, format)).open():
            write(first, format, 0, 2)
        before = names.part.read_bytes()

        with pytest.raises(Stopped, match=why), output(names, format, IDENTITY | changed).open():
            pass
        assert names.part.read_bytes() == before


def test_an_out_part_of_somebody_elses_is_left_alone() -> None:
    with directory() as names:
        names.part.write_bytes(b"precious\n")

        with pytest.raises(Stopped, match=r"remove it to begin anew"), output(names, format_named("jsonl")).open():
            pass
        assert names.part.read_bytes() == b"precious\n"


def test_two_at_once_are_refused() -> None:
    format = format_named("jsonl")
    with directory() as names:
        is_refused = pytest.raises(Stopped, match="another `jitney batch`")
        with output(names, format).open(), is_refused, output(names, format).open():
            pass


@pytest.mark.parametrize("done", range(4))
def test_killed_while_it_gives_the_files_their_names_it_does_the_rest(
    done: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    format = format_named("jsonl")
    data, _ = whole("jsonl")
    with directory() as names:
        with (it := output(names, format)).open():
            write(it, format, 0, len(TEXTS))
            it.checkpoint(finished=True)
        steps = [
            lambda: names.part_errors.replace(names.errors),
            lambda: names.part.replace(names.out),
            names.state.unlink,
        ]
        for step in steps[:done]:
            step()

        is_finished = output(names, format).is_finished()

        assert is_finished is (done < 3)
        assert names.out.read_bytes() == data and len(names.errors.read_bytes().splitlines()) == 2
        assert not names.state.exists() and not names.part.exists()


def test_where_nothing_failed_no_list_of_errors_is_left() -> None:
    format = format_named("jsonl")
    with directory() as names:
        names.errors.write_bytes(b"of an earlier run\n")
        with (it := output(names, format)).open():
            write(it, format, 0, 2)
            it.finish()

        assert [path.name for path in names.out.parent.iterdir()] == ["out"]
