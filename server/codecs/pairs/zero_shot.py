"""Zero-shot classification: does it follow from a text that a label fits it? The labels come with the request."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from broker.messages import ModelCard, Value
from server.codecs.checks import text_of
from server.codecs.contract import Input, Plan, Token
from server.codecs.errors import CodecError
from server.codecs.pairs.limits import LONGEST_LABEL, LONGEST_TEMPLATE, MOST_LABELS
from server.codecs.pairs.tokenizing import PairTokenizer
from server.codecs.pairs.truncation import only_first
from server.codecs.ranking import numbers, ranked, top_of
from server.codecs.work import UNBOUNDED, Work

TEMPLATE = "This example is {}."
PLACE = "{}"  # of the label
REMEMBERED = 2  # lists of labels: every record of a request has the same, and so have many requests


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request wants to know of each of its texts."""

    labels: tuple[str, ...]
    template: str
    top: int
    is_multi: bool


class ZeroShotCodec:
    """Options `labels`, `template`, `multiLabel`, `topK`. A record has a piece for each label: the text, and what the
    template says of the label. An output is the logits of entailment and of contradiction.

    Scores are those of the zero-shot pipeline of transformers: the entailment of one label against that of the others,
    or, where each may fit by itself, against its own contradiction.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, bytes]) -> None:
        self._pairs = PairTokenizer(card, files)
        self._hypotheses = lru_cache(REMEMBERED)(self._read)

    def check(self, options: Mapping[str, Any]) -> None:
        """Raises `CodecError` for labels, a template and a `topK` that no text can be asked about."""
        asked = _asked(options)
        longest = max(map(len, self._hypotheses(asked.labels, asked.template)))
        if longest >= self._pairs.room:
            said = (
                f"a label has {longest} tokens with its template; this model takes {self._pairs.room - 1} beside a text"
            )
            raise CodecError(said, code="too_large")

    def encode(self, input: Input, options: Mapping[str, Any], work: Work = UNBOUNDED) -> Plan:
        """A piece for each label; the text is truncated where it has no room beside one."""
        text, asked = text_of(input), _asked(options)
        work.require(jobs=len(asked.labels))
        ids = self._pairs.ids(text, work)
        if not ids:
            raise CodecError("text is empty")
        hypotheses = self._hypotheses(asked.labels, asked.template)
        lengths = [only_first(len(ids), len(hypothesis), self._pairs.room) for hypothesis in hypotheses]
        pieces = [self._pairs.piece(ids, *pair, work) for pair in zip(hypotheses, lengths, strict=True)]
        return Plan(pieces=pieces, memo=(asked, min(lengths)[0] < len(ids)))

    def decode(self, plan: Plan, outputs: Sequence[Value]) -> dict[str, Any]:
        """`label` and `score`, `labels` where `topK` asked for more, `truncated` where not all of the text was read."""
        asked, is_truncated = plan.memo
        scores = _scores([numbers(output) for output in outputs], is_multi=asked.is_multi)
        return ranked(asked.labels, scores, asked.top) | ({"truncated": True} if is_truncated else {})

    def _read(self, labels: Sequence[str], template: str) -> list[list[int]]:
        return [self._pairs.ids(template.replace(PLACE, label), UNBOUNDED) for label in labels]

    def tokens(self, input: Input, options: Mapping[str, Any], *, with_special: bool) -> Iterator[Token]:
        """As `Tokenizes` promises: of a text alone."""
        return self._pairs.tokens(text_of(input), with_special=with_special)

    def text_of_ids(self, ids: Sequence[int], *, with_special: bool) -> str:
        """As `Tokenizes` promises."""
        return self._pairs.text_of_ids(ids, with_special=with_special)


def _scores(logits: Sequence[Sequence[float]], *, is_multi: bool) -> list[float]:
    """From (entailment, contradiction) of each label. A label alone is compared with its own contradiction."""
    if is_multi or len(logits) == 1:
        return [_softmax(pair)[0] for pair in logits]
    return _softmax([entailment for entailment, _ in logits])


def _softmax(logits: Sequence[float]) -> list[float]:
    greatest = max(logits)
    powers = [math.exp(logit - greatest) for logit in logits]
    total = sum(powers)
    return [power / total for power in powers]


def _asked(options: Mapping[str, Any]) -> Asked:
    """Raises `CodecError`."""
    is_multi = options.get("multiLabel", False)
    if not isinstance(is_multi, bool):
        raise CodecError("multiLabel is true or false")
    return Asked(
        _labels(options.get("labels")), _template(options.get("template", TEMPLATE)), top_of(options), is_multi
    )


def _labels(labels: Any) -> tuple[str, ...]:
    if not isinstance(labels, list | tuple) or not labels:
        raise CodecError("labels are missing: this model chooses among those that the request names")
    if len(labels) > MOST_LABELS:
        raise CodecError(f"a request may name at most {MOST_LABELS} labels", code="too_large", limit=MOST_LABELS)
    for label in labels:
        if not isinstance(label, str) or not text_of(label).strip() or len(label) > LONGEST_LABEL:
            raise CodecError(f"a label is a text of 1 to {LONGEST_LABEL} characters")
    if len({*labels}) < len(labels):
        raise CodecError("labels has one of them twice")
    return tuple(labels)


def _template(template: Any) -> str:
    if not isinstance(template, str) or len(template) > LONGEST_TEMPLATE:
        raise CodecError(f"template is a text of at most {LONGEST_TEMPLATE} characters")
    # No other braces: to the pipeline of transformers they would be fields, and read attributes of the label.
    if template.count(PLACE) != 1 or {*template.replace(PLACE, "")} & {*PLACE}:
        raise CodecError("template must have {} once, in the place of the label, and no other braces")
    return text_of(template)
