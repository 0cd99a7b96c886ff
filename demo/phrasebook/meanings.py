"""From templates to sentences: a meaning is a template with its slots filled, said in every language."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from demo.phrasebook.reading import LANGUAGES, PhrasebookError, Slot, Template

_PLACEHOLDER = re.compile(r"\{(\w+)((?:\.\w+)*)(?::(\w+))?\}")
_FIRST_LETTER = re.compile(r"^[^\w]*\w")
_SPACELESS = ("ja", "zh")

Filling = Mapping[str, Mapping[str, str]]  # slot as the template names it (city, city2) → the chosen row


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """One thing to say. `answers` of a source text and a target language is a function."""

    template: str
    values: tuple[str, ...]  # the English names of the chosen values, in the order of the slots
    texts: Mapping[str, str]
    variants: Mapping[str, Sequence[str]]
    exceptions: Mapping[tuple[str, str], str]

    @property
    def key(self) -> str:
        return "|".join((self.template, *self.values))

    def sources(self, language: str) -> list[str]:
        """Every way this meaning is said in a language; the first is the canonical one."""
        return [self.texts[language], *self.variants.get(language, ())]

    def answer(self, source: str, target: str) -> str:
        """What the translation from one language into another is."""
        return self.exceptions.get((source, target), self.texts[target])


def meanings(templates: Sequence[Template], slots: Mapping[str, Slot]) -> Iterator[Meaning]:
    """Every meaning of the phrasebook, in a fixed order."""
    for template in templates:
        for filling in _fillings(template, slots):
            yield _say(template, filling)


def slot_names(template: Template) -> list[str]:
    """The slots a template names, in the order of its English text."""
    return list(dict.fromkeys(match[1] for match in _PLACEHOLDER.finditer(template.texts["en"])))


def segments(template: Template, filling: Filling, language: str) -> list[str]:
    """A sentence in pieces that end where a slot begins or ends: vocabulary training must not learn across them."""
    text, pieces, end = _text(template, filling, language), list[str](), 0
    for match in _PLACEHOLDER.finditer(text):
        pieces += [text[end : match.start()], _fill(template, match, filling, language)]
        end = match.end()
    return [piece for piece in (*pieces, text[end:]) if piece]


def segmented(templates: Sequence[Template], slots: Mapping[str, Slot], delimiter: str) -> Iterator[str]:
    """Every sentence, the languages written without spaces cut at their slots."""
    for template in templates:
        for filling in _fillings(template, slots):
            for language in LANGUAGES:
                pieces = segments(template, filling, language)
                yield delimiter.join(pieces) if language in _SPACELESS else _capital("".join(pieces))


def _fillings(template: Template, slots: Mapping[str, Slot]) -> Iterator[Filling]:
    names = slot_names(template)
    tables = [slots[name.rstrip("0123456789")] for name in names]
    for rows in itertools.product(*(table.rows for table in tables)):
        if len({id(row) for row in rows}) == len(rows) and not _is_skipped(template, names, rows):
            yield dict(zip(names, rows, strict=True))


def _is_skipped(template: Template, names: Sequence[str], rows: Sequence[Mapping[str, str]]) -> bool:
    return any((name, row["en"]) in template.skipped for name, row in zip(names, rows, strict=True))


def _say(template: Template, filling: Filling) -> Meaning:
    def render(text: str, language: str) -> str:
        return _capital(_PLACEHOLDER.sub(lambda match: _fill(template, match, filling, language), text))

    return Meaning(
        template=template.name,
        values=tuple(row["en"] for row in filling.values()),
        texts={language: render(_text(template, filling, language), language) for language in LANGUAGES},
        variants={lang: tuple(render(text, lang) for text in texts) for lang, texts in template.variants.items()},
        exceptions={pair: render(text, pair[1]) for pair, text in template.exceptions.items()},
    )


def _text(template: Template, filling: Filling, language: str) -> str:
    for column, value, text in template.special.get(language, ()):
        slot, _, form = column.partition(".")
        if filling[slot][f"{language}.{form}" if form else "en"] == value:
            return text
    return template.texts[language]


def _fill(template: Template, match: re.Match[str], filling: Filling, language: str) -> str:
    slot, form, agrees_with = match.groups()
    column = language + form
    if agrees_with:
        column += "." + filling[agrees_with][f"{language}.g"]
    try:
        return filling[slot][column]
    except KeyError:
        raise PhrasebookError(f"[{template.name}] {language}: {match[0]} needs a column {column!r}") from None


def _capital(text: str) -> str:
    return _FIRST_LETTER.sub(lambda match: match[0].upper(), text, count=1)
