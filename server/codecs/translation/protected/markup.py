"""HTML as texts to translate between markup that comes back as it was. Nothing is parsed into a tree: what is written
wrongly comes back just as wrong. Takes linear time.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from html import unescape
from itertools import groupby
from typing import NamedTuple

from server.codecs.translation.protected.assembly import escaped
from server.codecs.translation.protected.glossary import Terms
from server.codecs.translation.protected.patterns import CHOICE
from server.codecs.translation.protected.stand_ins import BLOCK, SIGN, WORD, Kept, take_out
from server.codecs.work import UNBOUNDED, Work

TEXT, SPACE = "text", "space"  # the other kinds of a token are stand-ins
MARKUP = re.compile(
    r"<!--(?s:.)*?(?:-->|\Z)"
    r"|<(?P<end>/?)(?P<name>[A-Za-z][^\s/>]*)"
    r"(?P<rest>(?:=\s*\"[^\"]*(?:\"|\Z)|=\s*'[^']*(?:'|\Z)|[^>=]+|=)*+)(?:>|\Z)"
    r"|<[!?/][^>]*(?:>|\Z)"
    rf"|(?P<choice>{CHOICE})"  # before its tags are looked for: they are in it
)
NO_TRANSLATION = re.compile(
    r"\stranslate\s*=\s*[\"']?no\b|\sclass\s*=\s*(?:\"[^\"]*\bnotranslate\b|'[^']*\bnotranslate\b|notranslate\b)", re.I
)


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


VOID = _names("area base br col embed hr img input link meta param source track wbr")
BLOCKS = _names(
    "address article aside audio blockquote body br button canvas caption center col colgroup dd details dialog dir div"
    " dl dt fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html iframe"
    " legend li link main menu meta nav object ol optgroup option p pre search section select summary table tbody td"
    " textarea tfoot th thead title tr ul video"
)
# Left alone whole, as in translate="no": words of another kind, and what is no text.
WORDS_ALONE = _names("code kbd samp time var")
ALONE = WORDS_ALONE | _names("address applet audio canvas embed iframe math object svg template video")
RAW = _names("script style")  # no markup inside but their own end
SPACES = re.compile(r"\s+")
LINE_ENDS = re.compile(r"[\r\n]")
SAID: Mapping[str, Callable[[str], str]] = {
    TEXT: unescape,
    SPACE: str,
    BLOCK: lambda _: "\n",
    SIGN: lambda _: "",
    WORD: lambda _: " ",
}


class Token(NamedTuple):
    """A stretch of HTML: TEXT, SPACE, or the stand-in of its markup."""

    kind: str
    raw: str


def read_markup(html: str, terms: Terms, work: Work = UNBOUNDED, alone: Collection[str] = ()) -> Kept:
    """The words of an HTML text with stand-ins for its markup, and for what else comes back as it is: elements of the
    names `alone` too. Raises `Abandoned` when nobody waits any more."""
    text: list[str] = []
    parts: list[str] = []
    for token in _grouped(html, work, alone):
        if token.kind == TEXT:
            taken, found = take_out(unescape(token.raw), terms, work)
            text.append(taken)
            parts += map(escaped, found)
        elif token.kind == SPACE:
            taken, found = take_out(SPACES.sub(_as_space, token.raw), {})  # one stand-in is space itself
            text.append(taken)
            parts += found
        else:
            text.append(token.kind)
            parts.append(token.raw)
    return Kept("".join(text), parts, is_html=True)


def words_of(html: str, enough: int = sys.maxsize, work: Work = UNBOUNDED) -> str:
    """The words alone, a line for each block, up to the one with which there are `enough` characters: to see by which
    language an HTML text is in. Raises `Abandoned` when nobody waits any more."""
    said: list[str] = []
    for token in _grouped(html, work):
        if enough <= 0:
            break
        said.append(SAID[token.kind](token.raw))
        enough -= len(said[-1].strip())
    return "".join(said).strip()


def _grouped(html: str, work: Work, alone: Collection[str] = ()) -> Iterator[Token]:
    """The same with one token for all the markup and space between two blocks."""
    for is_text, group in groupby(_tokens(html, work, alone), key=lambda token: token.kind in (TEXT, WORD)):
        tokens = list(group)
        if not is_text and any(token.kind == BLOCK for token in tokens):
            yield Token(BLOCK, "".join(token.raw for token in tokens))
        else:
            yield from tokens


def _tokens(html: str, work: Work, alone: Collection[str]) -> Iterator[Token]:
    at, preformatted = 0, 0
    while (found := MARKUP.search(html, at)) is not None:
        work.check()
        yield from _text(html[at : found.start()], is_pre=preformatted > 0)
        kind, at = _element(html, found, alone)
        if (found["name"] or "").lower() in ("pre", "textarea"):
            preformatted = max(0, preformatted + (-1 if found["end"] else 1))
        yield Token(kind, html[found.start() : at])
    yield from _text(html[at:], is_pre=preformatted > 0)


def _text(raw: str, *, is_pre: bool) -> Iterator[Token]:
    """Whose ends of lines are spaces, but in `<pre>`."""
    words = raw.strip()
    if is_pre or not words:
        yield Token(TEXT if words else SPACE, raw)
        return
    before, _, after = raw.partition(words)
    yield Token(SPACE, before)
    yield Token(TEXT, SPACES.sub(_as_space, words))
    yield Token(SPACE, after)


def _as_space(found: re.Match[str]) -> str:
    return " " if LINE_ENDS.search(found[0]) else found[0]


def _element(html: str, found: re.Match[str], alone: Collection[str]) -> tuple[str, int]:
    """The stand-in of this markup, and where it ends: behind its end tag where all of it is left alone."""
    name = (found["name"] or "").lower()
    if found["choice"]:
        return WORD, found.end()
    if not name:
        return (SIGN if found[0].startswith(("<!--", "</")) else BLOCK), found.end()
    kind = BLOCK if name in BLOCKS else SIGN
    if found["end"] or name in VOID:
        return kind, found.end()
    if name in RAW:
        end = re.compile(rf"</{name}[^>]*(?:>|\Z)", re.I).search(html, found.end())
        return kind, len(html) if end is None else end.end()
    is_alone = name in alone or NO_TRANSLATION.search(found["rest"]) is not None
    if not (is_alone or name in ALONE) or found["rest"].endswith("/"):
        return kind, found.end()
    is_word = kind == SIGN and (is_alone or name in WORDS_ALONE)
    return WORD if is_word else kind, _end_of(html, name, found.end())


def _end_of(html: str, name: str, at: int) -> int:
    """Behind the end tag of an element that began here; the end of all where it has none."""
    depth = 1
    for found in MARKUP.finditer(html, at):
        if (found["name"] or "").lower() != name:
            continue
        depth += -1 if found["end"] else 0 if found["rest"].endswith("/") else 1
        if not depth:
            return found.end()
    return len(html)
