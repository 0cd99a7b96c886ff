"""Classification and embedding: one text in, one label or vector out, by the model's own `tokenizer.json`."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from broker.common.tasks import CLASSIFICATION, EMBEDDING
from broker.messages import ModelCard, Value
from server.codecs.checks import text_of
from server.codecs.contract import Input, Piece, Plan, Token
from server.codecs.errors import CodecError
from server.codecs.passthrough import fields
from server.codecs.ranking import numbers, ranked, top_of
from server.codecs.tokenizer import STRETCH, load_tokenizer, text_of_ids, tokens
from server.codecs.translation.segments import clause_stops, divide, sentence_stops, stretches, word_stops
from server.codecs.vectors import mean, unit
from server.codecs.work import UNBOUNDED, Work

CHARACTERS = 16  # and for each token of the budget: more than a token has on average, so that budgets are used well
SURELY = 2.0  # budgets beyond which a part is too long, to judge by the one it was cut from
OF_ZERO_SHOT = ("labels", "template", "multiLabel")  # options of the models whose labels come with the request
LANGUAGE = "en"  # of the sentence rules: these tasks name none, and the marks of other scripts are among them


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model wants before a text, as in "query: "."""

    text: str
    ids: Sequence[int]  # of the prompt alone: a text that adds nothing to them is empty
    uncounted: int = 0  # tokens at the beginning that the model's pooling leaves out


class TextCodec:
    """Options `topK` (classification) and `promptName` (embedding). A piece's input is `array("i")` with the special
    tokens of the tokenizer, or {"ids": …, "prompt": n} where the first n tokens are not pooled.

    A text over the budget is truncated where the card says so. Else it becomes several pieces, each with the prompt,
    cut between sentences where that can be; scores and vectors are their mean, weighted by tokens, and vectors that
    have length 1 are scaled to it again. A task that is neither is not cut.
    """

    def __init__(self, card: ModelCard, files: Mapping[str, bytes]) -> None:
        self._tokenizer = load_tokenizer(card, files)
        self._specials = self._tokenizer.num_special_tokens_to_add(False)
        self._task, self._labels, self._max_cost = card.task, tuple(card.labels), card.max_cost
        self._truncates = card.options.get("long_text") == "truncate"
        self._side = str(card.options.get("truncation_side", "right"))
        self._are_unit = bool(card.options.get("is_unit", True))
        self._prompts = self._read_prompts(card.options)
        self._default_prompt = str(card.options.get("default_prompt", ""))
        if card.task == CLASSIFICATION.name and not self._labels:
            raise ValueError(f"model {card.name} classifies, but its card has no labels")
        if card.max_cost <= self._specials:
            raise ValueError(f"model {card.name}: max_cost {card.max_cost} leaves no room for a text")

    def check(self, options: Mapping[str, Any]) -> None:
        """Raises `CodecError` for a `topK` that is not a positive integer, for a prompt that the model has not, and for
        labels, which a classifier has of its own."""
        top_of(options)
        self._prompt(options)
        if self._task == CLASSIFICATION.name and (meant := next(filter(options.__contains__, OF_ZERO_SHOT), None)):
            said = f"this model has labels of its own, so it reads no {meant}: leave it out, or name a zero-shot model"
            raise CodecError(said)

    def encode(self, input: Input, options: Mapping[str, Any], work: Work = UNBOUNDED) -> Plan:
        """Raises `CodecError` for a text without any words, and for one too long for a task that cannot be averaged."""
        top = top_of(options)
        prompt = self._prompt(options)
        text = text_of(input)
        pieces: list[Piece] = []
        for ids in [self._truncated(text, prompt, work)] if self._truncates else self._parts(text, prompt, work):
            if ids != prompt.ids:
                work.spend(1, len(ids))
                pieces.append(_piece(array("i", ids), prompt))
        if not pieces:
            raise CodecError("text is empty")
        return Plan(pieces=pieces, memo=top)

    def decode(self, plan: Plan, outputs: Sequence[Value]) -> dict[str, Any]:
        """`embedding`; or `label` and `score`, and `labels` where `topK` asked for more; or the model's own fields."""
        if self._task == EMBEDDING.name:
            return {"embedding": self._joined(plan, outputs, is_vector=True)}
        if self._task == CLASSIFICATION.name:
            return ranked(self._labels, self._joined(plan, outputs, is_vector=False), plan.memo)
        (output,) = outputs
        return fields(output)

    def tokens(self, input: Input, options: Mapping[str, Any], *, with_special: bool) -> Iterator[Token]:
        """As `Tokenizes` promises."""
        return tokens(self._tokenizer, self._prompt(options).text + text_of(input), with_special=with_special)

    def text_of_ids(self, ids: Sequence[int], *, with_special: bool) -> str:
        """As `Tokenizes` promises."""
        return text_of_ids(self._tokenizer, ids, with_special=with_special)

    def _prompt(self, options: Mapping[str, Any]) -> Prompt:
        name = options.get("promptName")
        if name is None or self._task != EMBEDDING.name:
            return self._prompts[self._default_prompt]
        if not isinstance(name, str) or name not in self._prompts:
            known = sorted(filter(None, self._prompts))
            raise CodecError(f"this model has no such prompt; it has {', '.join(known) or 'none'}", prompts=known)
        return self._prompts[name]

    def _read_prompts(self, options: Mapping[str, Any]) -> dict[str, Prompt]:
        """By name; "" is none."""
        uncounted = options.get("uncounted", {})
        texts = {"": "", **options.get("prompts", {})}
        return {name: Prompt(text, self._ids(text), int(uncounted.get(name, 0))) for name, text in texts.items()}

    def _ids(self, text: str) -> list[int]:
        # Of the tokenizer's ways this one lets other threads run meanwhile, and keeps no offsets.
        ids: list[int] = self._tokenizer.encode_batch_fast([text])[0].ids
        return ids

    def _truncated(self, text: str, prompt: Prompt, work: Work) -> list[int]:
        """As many ids as the model takes, at the end of the text that the tokenizer keeps."""
        room, size = self._max_cost - self._specials, STRETCH
        while True:
            work.check()
            part = text[-size:] if self._side == "left" else text[:size]
            (encoded,) = self._tokenizer.encode_batch_fast([prompt.text + part], add_special_tokens=False)
            # Twice as many as are kept: then where this part was cut shows in none of those.
            if len(part) == len(text) or len(encoded) > 2 * room:
                encoded.truncate(room, direction=self._side)
                ids: list[int] = self._tokenizer.post_process(encoded).ids
                return ids
            size *= 4

    def _parts(self, text: str, prompt: Prompt, work: Work) -> Iterator[list[int]]:
        """The ids of the whole text, or of its parts where it is over the budget: the text is read by stretches, for
        each token that is made takes half a kilobyte."""
        if len(text) <= STRETCH or self._is_short(text, work):
            ids = self._ids(prompt.text + text)
            if len(ids) <= self._max_cost:
                yield ids
                return
        if self._task not in (CLASSIFICATION.name, EMBEDDING.name):
            raise CodecError(f"text has more than the {self._max_cost} tokens this model takes", code="too_large")
        for stretch in stretches(text, max(STRETCH, CHARACTERS * self._max_cost), LANGUAGE):
            yield from self._divided(stretch, prompt.text, work)

    def _is_short(self, text: str, work: Work) -> bool:
        """Whether a long text has few tokens all the same: most of it blank, perhaps. Read no further than it takes."""
        tokens = self._specials
        for stretch in stretches(text, STRETCH, LANGUAGE):
            work.check()
            tokens += len(self._ids(stretch)) - self._specials
            if tokens > self._max_cost:
                return False
        return True

    def _divided(self, text: str, before: str, work: Work) -> Iterator[list[int]]:
        density = 0.0  # tokens a character, in the part last read

        def fits(part: str) -> bool:
            nonlocal density
            if len(part) * density > SURELY * self._max_cost:
                return False  # not read again at every halving
            work.check()
            tokens = len(self._ids(before + part))
            density = tokens / len(part)
            return tokens <= self._max_cost

        levels = [sentence_stops(text, LANGUAGE), clause_stops(text), word_stops(text)]
        for part in divide(text, fits, levels):
            ids = self._ids(before + part)
            if len(ids) > self._max_cost:
                raise CodecError(f"a single character is longer than {self._max_cost} tokens", code="too_large")
            yield ids

    def _joined(self, plan: Plan, outputs: Sequence[Value], *, is_vector: bool) -> list[float]:
        vectors = [numbers(output) for output in outputs]
        if len(vectors) == 1:
            return list(vectors[0])
        joined = mean(vectors, [piece.cost for piece in plan.pieces])
        return unit(joined) if is_vector and self._are_unit else joined


def _piece(ids: array[int], prompt: Prompt) -> Piece:
    return Piece(input={"ids": ids, "prompt": prompt.uncounted} if prompt.uncounted else ids, cost=len(ids))
