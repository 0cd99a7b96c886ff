"""How often placeholders, tags, addresses and terms of a glossary come back whole, and what that costs.

    python -m benchmarks protected [--model DIRECTORY]

Each of the sentences in `protected.txt` is translated into the model's other languages, in this process and greedy. By
language: in how many answers every part stood exactly as often as it should; of those that the model was given with
markers, in how many it left all of them (the others are put together around their parts); and the tokens that are read
beside those of the same sentences with nothing protected.
"""

from __future__ import annotations

import re
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from unittest import mock

from batcher.models.card import make_card
from batcher.models.settings import ModelSettings
from batcher.models.spec import LoadedModel, load_model, parse_spec
from benchmarks.lib.arguments import parser
from benchmarks.lib.markdown import table
from server.codecs import make_codec
from server.codecs.contract import Codec, Plan
from server.codecs.translation import m2m100
from server.codecs.translation.protected import assembly
from server.codecs.translation.protected.markers import found

SENTENCES = Path(__file__).parent / "protected.txt"
DEMO = Path(__file__).parents[2] / "demo" / "translation"
BATCH = 64
PART = re.compile("⟦([^⟧]*)⟧")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A text, and what must be in its answers."""

    language: str
    text: str
    parts: Sequence[str]
    glossary: Mapping[str, str]


@dataclass(slots=True)
class Count:
    """Of the answers out of one language."""

    answers: int = 0
    whole: int = 0
    marked: int = 0  # that had markers
    found: int = 0  # which the model left, all of them
    tokens: int = 0
    plain_tokens: int = 0  # of the same sentences with nothing protected
    lost: list[str] = field(default_factory=list)


def sentences() -> list[Sentence]:
    """Those of the file."""
    rows = (row.partition(": ") for row in SENTENCES.read_text(encoding="utf-8").splitlines() if row[:1] != "#")
    return [_sentence(language, marked) for language, _, marked in rows]


def _sentence(language: str, marked: str) -> Sentence:
    terms = dict(part.split("=") for part in PART.findall(marked) if _is_term(part))
    parts = [part.split("=")[1] if _is_term(part) else part for part in PART.findall(marked)]
    text = PART.sub(lambda part: part[1].split("=")[0] if _is_term(part[1]) else part[1], marked)
    return Sentence(language=language, text=text, parts=parts, glossary=terms)


def _is_term(part: str) -> bool:
    return part[:1].isalpha() and part.count("=") == 1 and "://" not in part


def main(arguments: Sequence[str]) -> int:
    """Prints the table; 1 where a part was lost."""
    counts = measure(_asked(arguments).model, sentences())
    names = "language|answers|parts whole|with markers|of these all left|tokens"
    print("\n".join(table(names, [_row(language, count) for language, count in counts.items()])))
    lost = [text for count in counts.values() for text in count.lost]
    print(*lost, sep="\n")
    return 1 if lost else 0


def _asked(arguments: Sequence[str]) -> Namespace:
    asked = parser("protected", __doc__)
    asked.add_argument("--model", default=str(DEMO), help="a directory with a translation model (%(default)s)")
    return asked.parse_args(arguments)


def _row(language: str, count: Count) -> Sequence[str]:
    whole, left = count.whole / count.answers, count.found / count.marked
    shares = [f"{100 * whole:.1f} %", str(count.marked), f"{100 * left:.1f} %"]
    return [language, str(count.answers), *shares, f"{count.tokens / count.plain_tokens:.2f} ×"]


def measure(directory: str, chosen: Sequence[Sentence]) -> Mapping[str, Count]:
    """Of these sentences, by their language."""
    model = load_model(
        parse_spec(f"translation:{directory},engine=reference"), ModelSettings(device="cpu", threads=1, beams=1)
    )
    card = make_card("protected", model.about)
    codec, counts = make_codec(card, model.about.files), dict[str, Count]()
    asked = [(one, into) for one in chosen for into in card.languages if into != one.language]
    plans = [codec.encode(one.text, _options(one, into)) for one, into in asked]
    for (one, into), plan, outputs in zip(asked, plans, _outputs(model, plans), strict=True):
        count = counts.setdefault(one.language, Count())
        _judge(count, one, into, *_decoded(codec, plan, outputs))
        count.tokens += _cost(plan)
        with mock.patch.object(m2m100, "keep", return_value=None):
            count.plain_tokens += _cost(codec.encode(one.text, _options(one, into)))
    return counts


def _options(one: Sentence, into: str) -> dict[str, Any]:
    return {"fromLang": one.language, "toLang": into, "glossary": one.glossary}


def _outputs(model: LoadedModel, plans: Sequence[Plan]) -> Iterable[list[Any]]:
    inputs = [piece.input for plan in plans for piece in plan.pieces]
    batches = (inputs[at : at + BATCH] for at in range(0, len(inputs), BATCH))
    outputs = (output for batch in batches for output in model.forward(batch))
    return (list(islice(outputs, len(plan.pieces))) for plan in plans)


def _decoded(codec: Codec, plan: Plan, outputs: Sequence[Any]) -> tuple[str, bool | None]:
    """The answer, and whether the model left all of its markers; None where it had none."""
    verdicts: list[bool] = []

    def watched(answer: str, names: Sequence[str], parts: Sequence[str]) -> str | None:
        whole = found(answer, names, parts)
        verdicts.append(whole is not None)
        return whole

    with mock.patch.object(assembly, "found", watched):
        text = codec.decode(plan, outputs)["text"]
    choices = sum(isinstance(node, assembly.Choice) for node in plan.memo.nodes)
    return text, choices == sum(verdicts) if choices else None


def _judge(count: Count, one: Sentence, into: str, answer: str, has_markers: bool | None) -> None:
    count.answers += 1
    count.marked += has_markers is not None
    count.found += has_markers is True
    if stand(one.parts, answer) == Counter(one.parts):
        count.whole += 1
    else:
        count.lost.append(f"{one.language}-{into}: {one.text} → {answer}")


def stand(parts: Sequence[str], answer: str) -> Counter[str]:
    """How often each of these is in an answer. One inside another, `{x}` in `{{x}}`, is none."""
    longest_first = sorted(set(parts), key=len, reverse=True)
    return Counter(re.findall("|".join(map(re.escape, longest_first)), answer))


def _cost(plan: Plan) -> int:
    return sum(piece.cost for piece in plan.pieces)
