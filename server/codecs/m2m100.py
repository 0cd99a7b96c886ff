"""M2M100 translation: SentencePiece pieces and the model's own ids, without its tokenizer class.

The class holds the source language as state, reads "</s>" in a user's text as the end of the sentence, and is several
times slower. Ids and texts are the same (a test compares them).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from broker.messages import ModelCard, Value
from server.codecs.checks import file_of, refuse_lone_surrogates
from server.codecs.contract import CodecError, Piece, Plan
from server.codecs.languages import by_tag, resolve
from server.codecs.segments import clause_stops, divide, lines, lines_up_to, sentences, separator, word_stops
from server.codecs.vocabulary import Vocabulary
from server.codecs.work import UNBOUNDED, Work

PIECE = (
    16  # characters of SentencePiece's longest pieces: a longer text has more tokens than fit, and is not read whole
)
READ_AT_ONCE = 4096  # characters: a text that is mostly blank has fewer tokens than its length says
FRAME = 2  # ids around a text's own: the source language before it, the end after it


class M2M100Codec:
    """Options `fromLang` and `toLang`; a piece's input is `{"source": array("i"), "target": language id}`.

    Its output is array("i"), or `{"pieces": array("i"), "degenerate": True}` where the model's loop guard found no good
    answer.

    The card's `options`: `language_ids` (code → id), and `eos` and `unk` where they are not M2M100's 2 and 3.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, bytes]) -> None:
        self._language_ids: dict[str, int] = dict(card.options.get("language_ids") or {})
        codes = tuple(card.languages) or tuple(self._language_ids)
        if not codes or not self._language_ids.keys() >= set(codes):
            raise ValueError(f"model {card.name}: its card must give a language id for each of its languages")
        if card.max_cost <= FRAME:
            raise ValueError(f"model {card.name}: max_cost {card.max_cost} leaves no room for a text")
        self._offered = by_tag(codes)
        self._eos = int(card.options.get("eos", 2))
        self._unk = int(card.options.get("unk", 3))
        self._room = card.max_cost - FRAME
        self._longest = max(READ_AT_ONCE, self._room * PIECE)
        self._vocabulary = Vocabulary(
            file_of(card, files, "sentencepiece.bpe.model"), file_of(card, files, "vocab.json"), unk=self._unk
        )

    def check(self, options: Mapping[str, Any]) -> None:
        """Raises `CodecError` (unknown_language) for a language that is missing or not offered."""
        self._pair(options)

    def encode(self, text: str, options: Mapping[str, Any], work: Work = UNBOUNDED) -> Plan:
        """One piece a line; for a line over the budget, one a sentence; for a sentence over it, as few as it takes."""
        source, target = self._pair(options)
        refuse_lone_surrogates(text)
        if source == target or not text or text.isspace():
            return Plan(memo=(text,))
        work.require(jobs=lines_up_to(work.jobs_left, text))
        pieces: list[Piece] = []
        gaps: list[str] = []
        kept: list[str] = []
        for ids, words, gap in self._segments(text, source, target):
            if not ids:
                kept += (words, gap)  # nothing the model could read, a zero-width space perhaps: stays as it is
                continue
            work.spend(1, len(ids) + FRAME)
            pieces.append(self._piece(ids, source, target))
            gaps.append("".join(kept))
            kept = [gap]
        gaps.append("".join(kept))
        unknown = sum(piece.input["source"].count(self._unk) for piece in pieces)
        return Plan(pieces=pieces, memo=tuple(gaps), unknown=unknown)

    def decode(self, plan: Plan, outputs: Sequence[Value]) -> dict[str, Any]:
        """`text`: the translations, with the gaps of the original between them; `degenerate` where one of them is."""
        first, *gaps = plan.memo
        answers = [_read(output) for output in outputs]
        translated = [self._vocabulary.text(ids) + gap for (ids, _), gap in zip(answers, gaps, strict=True)]
        flag = {"degenerate": True} if any(degenerate for _, degenerate in answers) else {}
        return {"text": first + "".join(translated), **flag}

    def _pair(self, options: Mapping[str, Any]) -> tuple[str, str]:
        source = resolve(options.get("fromLang"), self._offered, "fromLang")
        return source, resolve(options.get("toLang"), self._offered, "toLang")

    def _segments(self, text: str, source: str, target: str) -> Iterator[tuple[list[int], str, str]]:
        """(ids, words, gap) of all that becomes a job, and of what does not (no ids)."""
        for line, gap in lines(text):
            if len(line) <= self._longest and len(ids := self._vocabulary.ids(line)) <= self._room:
                yield ids, line, gap
            else:
                yield from self._cut(line, gap, source, separator(target))

    def _cut(self, line: str, gap: str, source: str, between: str) -> Iterator[tuple[list[int], str, str]]:
        last = ""
        for part in self._parts(line, source):  # one at a time: whoever counts the pieces may stop
            if last:
                yield self._ids(last), last, between
            last = part
        yield self._ids(last), last, gap

    def _parts(self, line: str, source: str) -> Iterator[str]:
        for sentence in sentences(line, source):
            yield from filter(None, map(str.strip, self._fitting(sentence)))

    def _ids(self, part: str) -> list[int]:
        ids = self._vocabulary.ids(part)
        if len(ids) > self._room:
            raise CodecError(f"a single character is longer than the {self._room} tokens left", code="too_large")
        return ids

    def _fitting(self, sentence: str) -> list[str]:
        def fits(part: str) -> bool:
            return len(part) <= self._longest and len(self._vocabulary.ids(part.strip())) <= self._room

        return divide(sentence, fits, [clause_stops(sentence), word_stops(sentence)])

    def _piece(self, ids: list[int], source: str, target: str) -> Piece:
        framed = array("i", [self._language_ids[source], *ids, self._eos])
        return Piece(input={"source": framed, "target": self._language_ids[target]}, cost=len(framed))


def _read(output: Value) -> tuple[Sequence[int], bool]:
    """A piece's ids, and whether they are degenerate. Raises `ValueError` for what is no translation."""
    is_marked = isinstance(output, Mapping)
    ids: Any = output.get("pieces") if is_marked else output
    degenerate: Any = output.get("degenerate") if is_marked else False
    if not (isinstance(ids, array) and ids.typecode == "i" and isinstance(degenerate, bool)):
        raise ValueError("the model's output is no translation: array('i'), or its pieces with a mark")
    return ids, degenerate
