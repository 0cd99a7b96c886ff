"""How the command line of a batch is read, and what is refused of it."""

from __future__ import annotations

import pytest

from jitney.batch.contract import USAGE, Stopped
from jitney.batch.options import format_of, parse_settings
from tests.unit.jitney.batch.kit import options


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("x=fr", "fr"),
        ("x=2", 2),
        ("x=true", True),
        ('x="2"', "2"),
        ('x=["a","b"]', ["a", "b"]),
        ("x=NaN", "NaN"),
        ("x=", ""),
        ("x=a=b", "a=b"),
    ],
)
def test_what_reads_as_json_is_that_and_all_else_is_a_string(pair: str, value: object) -> None:
    assert parse_settings([pair]) == {"x": value}


@pytest.mark.parametrize("pairs", [["x"], ["=1"], ["records=[]"], ["x=1", "x=2"]])
def test_settings_that_cannot_be_meant_are_refused(pairs: list[str]) -> None:
    with pytest.raises(Stopped) as refused:
        parse_settings(pairs)

    assert refused.value.exit_code == USAGE


@pytest.mark.parametrize(
    ("source", "target", "named", "found"),
    [
        ("a.jsonl", "b.jsonl", "", "jsonl"),
        ("A.CSV", "-", "", "csv"),
        ("-", "b.csv", "", "csv"),
        ("a", "b", "csv", "csv"),
    ],
)
def test_the_format_is_that_of_the_names(source: str, target: str, named: str, found: str) -> None:
    assert format_of(source, target, named) == found


@pytest.mark.parametrize(("source", "target"), [("a.csv", "b.jsonl"), ("-", "-"), ("a.txt", "b")])
def test_a_format_that_nobody_can_tell_is_asked_for(source: str, target: str) -> None:
    with pytest.raises(Stopped, match="--format"):
        format_of(source, target, "")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"endpoint": "translation"}, "--endpoint is an address"),
        ({"endpoint": "/rerank"}, "cannot be done by rows"),
        ({"endpoint": "/clustering"}, "cannot be done by rows"),
        ({"url": "localhost:9527"}, "--url begins with"),
        ({"delimiter": ";;"}, "--delimiter is one character"),
        ({"delimiter": '"'}, "--delimiter is one character"),
        ({"source": "-", "retry_failed": True}, "--retry-failed needs files"),
        ({"source": "./out.jsonl"}, "the same file"),
    ],
)
def test_options_that_cannot_be_meant_have_a_sentence_each(changed: dict[str, object], why: str) -> None:
    assert why in options(**changed).complaint()


def test_usual_options_have_none() -> None:
    assert options().complaint() == ""


def test_where_and_how_fast_a_batch_is_computed_changes_nothing_of_its_answers() -> None:
    elsewhere = options(url="http://other", lane="interactive", window=1, rows_per_request=1, timeout=1.0, patience=1.0)

    assert elsewhere.answering() == options().answering()
    assert options(settings={"toLang": "fr"}).answering() != options().answering()
