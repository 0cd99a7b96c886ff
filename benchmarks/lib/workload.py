"""What is sent to which path: texts, so many records a request, or any body. The same options for all who send."""

from __future__ import annotations

import argparse
import hashlib
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.lib.arguments import above
from benchmarks.lib.envelope import TEXT
from benchmarks.lib.http_client import JSON

PATH = "/models/synthetic"
DRAWN = 1_000  # texts that --words draws, sent in turn
SIGMA = 0.6  # of the logarithm of their lengths: one text in twenty has over 2.2 times as many words as the mean
LONGEST = 10_000  # words of one text
WORDS = """
the a of to in and on with for from by at my your our this that one two some every old new small great good cold
warm red white long early late house garden river street train station market letter book friend child teacher
doctor city village mountain summer winter morning evening bread water coffee window door table story song road
is was has had will can goes came gave took found made said sees likes knows waits opens closes reads writes
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Every text is sent, in turn; or the same body, whatever it is."""

    path: str
    texts: Sequence[str]
    records: int  # in each request
    languages: tuple[str, str] | None  # from, to
    body: bytes | None = None  # instead of texts
    content_type: str = JSON  # of that
    lane: str = ""  # bulk, or what the server takes it for

    @property
    def a_request(self) -> str:
        """What one carries."""
        carried = f"{self.records} record(s)" if self.body is None else f"{len(self.body)} bytes of {self.content_type}"
        return f"{carried} a request{f', lane {self.lane}' if self.lane else ''}"

    def in_words(self) -> dict[str, str]:
        """For those who read a figure later. Two that send other bytes differ in it."""
        if self.body is not None:
            return {"path": self.path, "body": f"{self.a_request} (sha256 {_digest(self.body)})"}
        lane = {"lane": self.lane} if self.lane else {}
        languages = {"languages": " to ".join(self.languages)} if self.languages else {}
        return {"path": self.path, "records": str(self.records), **lane, **languages, "texts": _described(self.texts)}


def add_options(command: argparse.ArgumentParser) -> None:
    """Those that `read` reads, and `--seed`, which arrivals may use as well."""
    add = command.add_argument
    add("--path", help=f"where to post [default: {PATH} or the model's, with languages /translation]")
    add("--records", type=above(0), default=1, help="records in each request [default: 1]")
    texts = command.add_mutually_exclusive_group()
    texts.add_argument("--text", default=TEXT, help="the text of every record [default: %(default)s]")
    texts.add_argument("--texts-file", type=Path, metavar="FILE", help="texts instead, one a line, taken in turn")
    texts.add_argument(
        "--words", type=above(0.0), metavar="MEAN", help="texts instead of so many words on average, lognormal"
    )
    texts.add_argument("--body", type=Path, metavar="FILE", help="these bytes as they are instead, to any endpoint")
    add("--content-type", default=JSON, help="of --body [default: %(default)s]")
    add("--from-lang", help="language to translate from; goes with --to-lang")
    add("--to-lang", help="language to translate to")
    add("--lane", default="", choices=("interactive", "bulk"), help="the header Jitney-Lane [default: none]")
    add("--seed", type=int, default=0, help="of the arrivals and of --words [default: 0]")


def read(values: argparse.Namespace, path: str = PATH) -> Workload:
    """What these options ask for; `path` is for those that name none. Raises `OSError` and `ValueError`."""
    if (values.from_lang is None) != (values.to_lang is None):
        raise ValueError("--from-lang and --to-lang go together")
    languages = (values.from_lang, values.to_lang) if values.from_lang else None
    if values.body and (languages or values.records > 1):
        raise ValueError("--body is sent as it is: --records, --from-lang and --to-lang are for texts")
    return Workload(
        path=values.path or ("/translation" if languages else path),
        texts=_texts(values),
        records=values.records,
        languages=languages,
        body=values.body.read_bytes() if values.body else None,
        content_type=values.content_type,
        lane=values.lane,
    )


def drawn(mean: float, seed: int, count: int = DRAWN) -> list[str]:
    """Texts of `mean` words on average, of lognormal lengths as those of people are; the same again for a seed."""
    draw = random.Random(seed)
    middle = math.log(mean) - SIGMA**2 / 2
    lengths = (draw.lognormvariate(middle, SIGMA) for _ in range(count))
    return [_sentence(draw, min(max(1, round(length)), LONGEST)) for length in lengths]


def _sentence(draw: random.Random, words: int) -> str:
    return " ".join(draw.choices(WORDS.split(), k=words)).capitalize() + "."


def _texts(values: argparse.Namespace) -> list[str]:
    if values.body:
        return []
    if values.words is not None:
        return drawn(values.words, values.seed)
    if values.texts_file is None:
        return [values.text]
    texts = [line for line in values.texts_file.read_text("utf-8").splitlines() if line.strip()]
    if not texts:
        raise ValueError(f"{values.texts_file} holds no text")
    return texts


def _described(texts: Sequence[str]) -> str:
    if len(texts) == 1:
        return texts[0]
    mean = sum(len(text.split()) for text in texts) / len(texts)
    told_apart = _digest("\n".join(texts).encode())
    return f"{len(texts)}, {mean:.1f} words on average (sha256 {told_apart})"


def _digest(sent: bytes) -> str:
    return hashlib.sha256(sent).hexdigest()[:12]
