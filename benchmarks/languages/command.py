"""How often the language of a short text is told right, by language, and how long that takes on one core.

    python -m benchmarks languages [--rounds 5] [--offered en,de,fr]

The texts are in `benchmarks/languages/texts.txt`; nothing is started. It needs the extra `langid`.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from benchmarks.languages.texts import Text, read_texts
from benchmarks.lib.arguments import above, parser
from benchmarks.lib.markdown import table
from demo.phrasebook import LANGUAGES
from server.codecs.translation.languages import by_tag
from server.codecs.translation.writing_systems import SCRIPTS
from server.languages.identify import Identify, identifier

OF_M2M100 = tuple(SCRIPTS)
NONE = "-"
SHORT, LONG = 20, 40  # characters: up to the first, from the second


def main(arguments: Sequence[str]) -> int:
    """Prints how many texts of each kind, and then of each language, were told right."""
    command = parser("languages", __doc__)
    command.add_argument("--rounds", type=above(0), default=5, help="times each text is read [%(default)s]")
    command.add_argument("--offered", help="the model's languages, instead of M2M100's and the demo's")
    asked = command.parse_args(arguments)
    models = {"M2M100's 100": OF_M2M100, "the demo's six": LANGUAGES}
    if asked.offered:
        models = {asked.offered: tuple(asked.offered.split(","))}
    for name, codes in models.items():
        identify = identifier(by_tag(codes))
        texts = [text for text in read_texts() if text.language in codes]
        print(f"Among {name}:\n")
        print("\n".join(table("texts|number|right|µs a text", kinds(texts, identify, asked.rounds))))
        if others := foreign(codes, identify):
            print(f"\n{others}")
        print("\n" + "\n".join(table("language|texts|right|the others are told as", of_each(texts, identify))) + "\n")
    return 0


def kinds(texts: Sequence[Text], identify: Identify, rounds: int) -> Iterator[list[str]]:
    """A row for all, and one for each length."""
    groups: Mapping[str, list[Text]] = {
        "all": list(texts),
        f"of less than {SHORT} characters": [text for text in texts if len(text.words) < SHORT],
        f"of {SHORT} to {LONG - 1}": [text for text in texts if SHORT <= len(text.words) < LONG],
        f"of {LONG} and more": [text for text in texts if len(text.words) >= LONG],
    }
    for name, of_kind in groups.items():
        if of_kind:
            right = len(of_kind) - len(mistakes(of_kind, identify))
            share = f"{right} ({100 * right / len(of_kind):.1f} %)"
            yield [name, f"{len(of_kind)}", share, f"{_microseconds(of_kind, identify, rounds):.0f}"]


def of_each(texts: Sequence[Text], identify: Identify) -> Iterator[list[str]]:
    """A row for each language, those that are told best first."""
    by_language = [list(group) for _, group in groupby(texts, lambda text: text.language)]
    for group in sorted(by_language, key=lambda group: len(mistakes(group, identify)) / len(group)):
        wrong = mistakes(group, identify)
        yield [group[0].language, f"{len(group)}", f"{len(group) - len(wrong)}", ", ".join(sorted(wrong))]


def foreign(codes: Sequence[str], identify: Identify) -> str:
    """What becomes of the texts in other languages; nothing where there are none."""
    texts = [text for text in read_texts() if text.language not in codes]
    none = mistakes(texts, identify).count(NONE)
    return f"Of the {len(texts)} texts in other languages {none} are told to be in none of these." if texts else ""


def mistakes(texts: Sequence[Text], identify: Identify) -> list[str]:
    """The language that was told, for each text that is in another; `-` for none."""
    told = [next((guess.code for guess in identify(text.words)), NONE) for text in texts]
    return [code for code, text in zip(told, texts, strict=True) if code != text.language]


def _microseconds(texts: Sequence[Text], identify: Identify, rounds: int) -> float:
    """Processor time of one text, the median of the rounds."""
    times = []
    for _ in range(rounds):
        started = time.process_time()
        for text in texts:
            identify(text.words)
        times.append(time.process_time() - started)
    return statistics.median(times) / len(texts) * 1e6
