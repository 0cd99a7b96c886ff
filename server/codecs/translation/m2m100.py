"""M2M100 translation: SentencePiece pieces and the model's own ids, without its tokenizer class.

The class holds the source language as state, reads "</s>" in a user's text as the end of the sentence, and is several
times slower. Ids and texts are the same (a test compares them).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from broker.messages import ModelCard, Value
from server.codecs.checks import file_of, text_of
from server.codecs.contract import Input, Piece, Plan
from server.codecs.errors import CodecError
from server.codecs.translation.draft import FRAME, Draft, Line
from server.codecs.translation.languages import by_tag, resolve, short_language
from server.codecs.translation.protected.assembly import NOTHING, Assembly, ProtectedDraft
from server.codecs.translation.protected.markers import Markers
from server.codecs.translation.protected.options import check_protection, keep
from server.codecs.translation.protected.sentence import ProtectedLine
from server.codecs.translation.protected.stand_ins import Kept
from server.codecs.translation.readable import LETTER, has_letters, is_plain, only_read, surrounded, unread, visible
from server.codecs.translation.segments import clause_stops, divide, joint, lines, lines_to_read, stretches, word_stops
from server.codecs.translation.sentences import sentences
from server.codecs.translation.vocabulary import Vocabulary
from server.codecs.work import UNBOUNDED, Work

READ_AT_ONCE = 4096  # characters at least: a text that is mostly blank has fewer tokens than its length says
LOOKED_THROUGH = 1 << 16  # characters of a line for ends of sentences, before the deadline is looked at again
# So many times as many pieces a translation may have: of the demo's sentences, in all pairs of its languages, that have
# ten pieces or more, one in a hundred grows to twice as many and none to more than 2.5. Short ones grow more, long ones
# less, and a piece that is nearly as long as allowed is long.
GROWTH = 2.5
MARKS = ("degenerate", "truncated")  # of an answer that is not as it should be
FEWEST = 16  # pieces of a source, however short its answers must be: less has no sense to translate


class Words(Protocol):
    """A vocabulary: text ⇄ ids. Thread-safe."""

    longest: int  # characters of a word
    reads: Callable[[str], bool]  # whether there is an id for a character

    def ids(self, text: str) -> list[int]:
        """The text's ids; what the vocabulary lacks becomes <unk>. Specials and languages in it are only text."""
        ...

    def unread(self, text: str) -> int:
        """How many characters of the text are in words that have no id."""
        ...

    def text(self, ids: Iterable[int]) -> str:
        """The text of these ids; specials, languages and ids out of the vocabulary are silent."""
        ...


class M2M100Codec:
    """Options `fromLang`, `toLang`, and what `protected` reads: `glossary`, `format`.

    A piece's input is `{"source": array("i"), "target": language id}`.

    Its output is array("i"), or `{"pieces": array("i"), "degenerate"?: True, "truncated"?: True}` where the model's
    loop guard found no good answer, or where the answer came to its limit before its end.

    The card's `options`: `language_ids` (code → id), `eos` and `unk` where they are not M2M100's 2 and 3, `split`
    (`sentence`, or `budget`: only what is too long), `longest_answer`, the pieces an answer may have, and `markers`,
    words by language in the place of protected parts.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, bytes]) -> None:
        self._language_ids: dict[str, int] = dict(card.options.get("language_ids") or {})
        codes = tuple(card.languages) or tuple(self._language_ids)
        if not codes or not self._language_ids.keys() >= set(codes):
            raise ValueError(f"model {card.name}: its card must give a language id for each of its languages")
        if card.max_cost <= FRAME:
            raise ValueError(f"model {card.name}: max_cost {card.max_cost} leaves no room for a text")
        self._offered = by_tag(codes)
        self._short = {code: short_language(code) for code in codes}  # as rules for sentences call it
        self._eos = int(card.options.get("eos", 2))
        self._unk = int(card.options.get("unk", 3))
        self._room = _room(card)
        self._splits = card.options.get("split", "sentence") != "budget"
        self._vocabulary = self._read_vocabulary(card, files)
        self._markers = Markers(card.options.get("markers") or {}, self._vocabulary.reads)
        # A longer text has more tokens than fit, and is not read whole.
        self._longest = max(READ_AT_ONCE, self._room * self._vocabulary.longest)

    def check(self, options: Mapping[str, Any]) -> None:
        """Raises `CodecError` (unknown_language) for a language that is missing or not offered, and for a glossary or a
        format that is none."""
        self._pair(options)
        check_protection(options)

    def encode(self, input: Input, options: Mapping[str, Any], work: Work = UNBOUNDED) -> Plan:
        """One piece a sentence; for a sentence over the budget as few as it takes; none for what has no letters."""
        source, target = self._pair(options)
        text = text_of(input)
        if source == target or not text or text.isspace():
            return Plan(memo=(text,))
        kept = keep(text, options, work)
        if kept is not None:
            return self._encode_around(kept, source, target, work)
        work.require(jobs=lines_to_read(work.jobs_left, text))
        draft = Draft(joint(self._short[source], self._short[target]))
        for line, gap in lines(text):
            draft.add(self._read(line, self._short[source], work), line, gap)
        pieces = [self._piece(ids, source, target) for ids in draft.pieces]
        return Plan(pieces=pieces, memo=draft.gaps(), unknown=draft.unread)

    def decode(self, plan: Plan, outputs: Sequence[Value]) -> dict[str, Any]:
        """`text`: the translations, with the gaps of the original between them.

        `degenerate` and `truncated` where one of them is; `unread`: how many characters the vocabulary does not have.
        """
        answers = [_answer(output) for output in outputs]
        if isinstance(plan.memo, Assembly):
            text, found = plan.memo.answer([(self._vocabulary.text(ids), marked) for ids, marked in answers])
        else:
            first, *gaps = plan.memo
            translated = [self._vocabulary.text(ids) + gap for (ids, _), gap in zip(answers, gaps, strict=True)]
            text, found = first + "".join(translated), NOTHING.union(*[marked for _, marked in answers])
        marks: dict[str, Any] = {mark: True for mark in MARKS if mark in found}
        if plan.unknown:
            marks["unread"] = plan.unknown
        return {"text": text, **marks}

    def _encode_around(self, kept: Kept, source: str, target: str, work: Work) -> Plan:
        """The same for a text of which something comes back as it is."""
        draft = ProtectedDraft(joint(self._short[source], self._short[target]), kept)
        put = partial(self._markers.put, source=self._short[source], target=self._short[target])
        for text, gap in lines(kept.text):
            line = ProtectedLine(work, self._read_sentence, put)
            for sentence in self._sentences(visible(text), self._short[source]):
                line.add(sentence)
                work.check()
            draft.add(line, text, gap)
        pieces = [self._piece(ids, source, target) for ids in draft.pieces]
        return Plan(pieces=pieces, memo=draft.assembly(), unknown=draft.unread)

    def _read_vocabulary(self, card: ModelCard, files: Mapping[str, bytes]) -> Words:
        pieces, vocab = file_of(card, files, "sentencepiece.bpe.model"), file_of(card, files, "vocab.json")
        return Vocabulary(pieces, vocab, unk=self._unk)

    def _pair(self, options: Mapping[str, Any]) -> tuple[str, str]:
        source = resolve(options.get("fromLang"), self._offered, "fromLang")
        return source, resolve(options.get("toLang"), self._offered, "toLang")

    def _read(self, text: str, source: str, work: Work) -> Line:
        line = Line(work)
        if not LETTER.search(text):  # a table of numbers, rows of dashes: as it is
            line.unread = unread(visible(text), self._vocabulary.reads)
            line.keep(text)
            work.check()
            return line
        for sentence in self._sentences(visible(text), source):
            words = sentence.rstrip()
            if words:
                self._read_sentence(words, line)
            line.keep(sentence[len(words) :])
            work.check()
        return line

    def _sentences(self, line: str, source: str) -> Iterator[str]:
        if not self._splits and self._fits(line):
            yield line
            return
        for stretch in stretches(line, max(LOOKED_THROUGH, self._longest), source):
            for sentence in sentences(stretch, source):
                yield from stretches(sentence, self._longest, source)

    def _read_sentence(self, text: str, line: Line) -> None:
        """Its pieces, and what stands around them. What cannot be read is left out, unless nothing else is left."""
        reads = self._vocabulary.reads
        if not LETTER.search(text):
            line.unread += unread(text, reads)
            line.keep(text)
            return
        ids = self._ids(text)
        if ids is not None and self._unk not in ids and is_plain(text):
            line.add(ids)
            return
        line.unread += unread(text, reads)
        found = surrounded(text, reads)
        if not has_letters(found.core, reads):
            line.keep(text)
            return
        line.keep(found.before)
        self._divide(only_read(found.core, reads), line)
        line.keep(found.after)

    def _divide(self, text: str, line: Line) -> None:
        for part in divide(text, self._fits, [clause_stops(text), word_stops(text)]):
            words = part.strip()
            if not words:
                line.keep(part)
                continue
            before, _, after = part.partition(words)
            ids = self._vocabulary.ids(words)
            if len(ids) > self._room:
                raise CodecError(f"a single character is longer than the {self._room} tokens left", code="too_large")
            if self._unk in ids:
                line.unread += self._vocabulary.unread(words)
            line.keep(before)
            line.add(ids)
            line.keep(after)

    def _fits(self, text: str) -> bool:
        return self._ids(text.strip()) is not None

    def _ids(self, text: str) -> list[int] | None:
        """None where they are more than there is room for, which a long text tells by its length alone."""
        if len(text) > self._longest:
            return None
        ids = self._vocabulary.ids(text)
        return ids if len(ids) <= self._room else None

    def _piece(self, ids: list[int], source: str, target: str) -> Piece:
        framed = self._framed(ids, self._language_ids[source])
        return Piece(input={"source": framed, "target": self._language_ids[target]}, cost=len(framed))

    def _framed(self, ids: list[int], language: int) -> array[int]:
        return array("i", [language, *ids, self._eos])


def _room(card: ModelCard) -> int:
    """The most pieces of one source: what the model takes, and whose answer will have room."""
    answer = card.options.get("longest_answer")
    most = card.max_cost - FRAME
    return most if answer is None else min(most, max(FEWEST, int(int(answer) / GROWTH)))


def _answer(output: Value) -> tuple[Sequence[int], frozenset[str]]:
    """A piece's ids, and how they are marked. Raises `ValueError` for what is no translation."""
    marked = output if isinstance(output, Mapping) else {}
    ids: Any = marked.get("pieces") if marked else output
    marks = [marked.get(mark, False) for mark in MARKS]
    if not (isinstance(ids, array) and ids.typecode == "i" and all(isinstance(mark, bool) for mark in marks)):
        raise ValueError("the model's output is no translation: array('i'), or its pieces with a mark")
    return ids, frozenset(mark for mark in MARKS if marked.get(mark))
