"""Zero-shot classification: a text beside each label, scores across labels or for each by itself."""

from __future__ import annotations

import math
from array import array
from typing import Any

import pytest

from server.codecs.errors import CodecError, RequestTooLarge
from server.codecs.pairs.zero_shot import ZeroShotCodec
from server.codecs.work import Work
from tests.unit.server.codecs.pairs.toys import CLS, SEP, card, files

ASKED = {"labels": ["one", "two"], "template": "three {}"}


def codec(**changes: Any) -> ZeroShotCodec:
    return ZeroShotCodec(card("zero-shot", **changes), files())


def answer(logits: list[list[float]], **options: Any) -> dict[str, Any]:
    asked = {"labels": ["one", "two", "three"][: len(logits)], "topK": 3, **options}
    return codec().decode(codec().encode("four", asked), [array("f", pair) for pair in logits])


def test_each_label_is_a_job_beside_the_text() -> None:
    one, two = codec().encode("four five", ASKED).pieces

    assert one.input == {"ids": array("i", [CLS, 8, 9, SEP, 7, 5, SEP]), "second": 4}
    assert two.input == {"ids": array("i", [CLS, 8, 9, SEP, 7, 6, SEP]), "second": 4}


def test_labels_share_one_probability_by_what_follows() -> None:
    found = answer([[1.0, 9.0], [2.0, -9.0], [2.0, 0.0]])

    total = math.exp(1) + 2 * math.exp(2)
    assert [one["label"] for one in found["labels"]] == ["two", "three", "one"]
    assert [one["score"] for one in found["labels"]] == pytest.approx(
        [math.exp(2) / total, math.exp(2) / total, math.exp(1) / total], abs=1e-6
    )


def test_labels_that_may_all_fit_are_each_compared_with_their_contradiction() -> None:
    found = answer([[0.0, 0.0], [3.0, 1.0]], multiLabel=True)

    assert {one["label"]: one["score"] for one in found["labels"]} == pytest.approx(
        {"one": 0.5, "two": 1 / (1 + math.exp(-2))}, abs=1e-6
    )


def test_a_label_alone_is_compared_with_its_contradiction() -> None:
    assert answer([[3.0, 1.0]], topK=1) == {"label": "one", "score": pytest.approx(1 / (1 + math.exp(-2)), abs=1e-6)}


def test_great_logits_are_no_overflow() -> None:
    assert answer([[1e4, 0.0], [-1e4, 0.0]], topK=1) == {"label": "one", "score": 1.0}


def test_the_text_is_truncated_and_never_the_label() -> None:
    plan = codec().encode("five " * 30, ASKED)

    assert plan.pieces[0].input["ids"].tolist() == [CLS, *[9] * 7, SEP, 7, 5, SEP]
    assert codec().decode(plan, [[1.0, 0.0], [0.0, 0.0]])["truncated"] is True


def test_the_template_is_that_of_the_pipeline_where_none_is_named() -> None:
    assert codec().encode("five", {"labels": ["one"]}).pieces[0].input["ids"].tolist() == [
        *[CLS, 9, SEP],
        *[0, 0, 0, 5, 4, SEP],  # This example is one.
    ]


@pytest.mark.parametrize(
    ("options", "why", "code"),
    [
        ({}, "labels are missing", "invalid_input"),
        ({"labels": []}, "labels are missing", "invalid_input"),
        ({"labels": "one, two"}, "labels are missing", "invalid_input"),
        ({"labels": ["one", " "]}, "a label is a text of 1 to 200", "invalid_input"),
        ({"labels": ["one", 2]}, "a label is a text of 1 to 200", "invalid_input"),
        ({"labels": ["a" * 201]}, "a label is a text of 1 to 200", "invalid_input"),
        ({"labels": ["\ud83d"]}, "surrogate", "invalid_input"),
        ({"labels": ["one", "one"]}, "one of them twice", "invalid_input"),
        ({"labels": [str(n) for n in range(101)]}, "at most 100 labels", "too_large"),
        ({"labels": ["one"], "template": "This is it."}, "template must have {} once", "invalid_input"),
        ({"labels": ["one"], "template": "{} or {}"}, "template must have {} once", "invalid_input"),
        ({"labels": ["one"], "template": "{} {0.__class__}"}, "no other braces", "invalid_input"),
        ({"labels": ["one"], "template": "{}" + "a" * 400}, "at most 400", "invalid_input"),
        ({"labels": ["one"], "multiLabel": 1}, "multiLabel is true or false", "invalid_input"),
        ({"labels": ["one"], "topK": 0}, "topK must be a positive integer", "invalid_input"),
        ({"labels": ["one two three four five"]}, "a label has 9 tokens with its template", "too_large"),
    ],
    ids=str,
)
def test_labels_that_no_text_can_be_asked_about_are_refused(options: dict[str, Any], why: str, code: str) -> None:
    with pytest.raises(CodecError, match=why) as refused:
        codec().check(options)

    assert refused.value.code == code


def test_a_request_may_make_no_more_jobs_than_may_wait() -> None:
    with pytest.raises(RequestTooLarge):
        codec().encode("four", ASKED, Work(jobs=1))


def test_an_empty_text_is_invalid_by_itself() -> None:
    with pytest.raises(CodecError, match="text is empty"):
        codec().encode("", ASKED)
