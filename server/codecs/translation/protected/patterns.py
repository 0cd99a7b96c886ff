"""What nobody wants translated, wherever it stands: placeholders, tags, addresses, emoji by name. Takes linear time."""

from __future__ import annotations

import re

from server.codecs.translation.protected.letters import LETTER, UNSPACED

# A text with none of these has no such part, which tells nearly every one: a set of characters is the fastest search.
HINT, OTHER_HINTS, NAMED = re.compile("[{%<@/]"), ("www.", "WWW.", "Www."), re.compile(":[A-Za-z0-9_+-]++:")


def has_hint(text: str) -> bool:
    """Whether a text may have any, which nearly none has."""
    return HINT.search(text) is not None or any(hint in text for hint in OTHER_HINTS) or NAMED.search(text) is not None


def _in_braces(depth: int) -> str:
    """What may stand in braces: text, a brace that ICU's quotes make one, and more braces, so many in each other."""
    inner = rf"\{{{_in_braces(depth - 1)}*+\}}" if depth else r"\{\}"
    return rf"(?:[^{{}}']++|'(?:[{{}}]')?|{inner})"


# {n, plural, one {# file} other {# files}} as ICU has it, { $n -> [one] … *[other] … } as Fluent: whole, with the texts
# in it, which are grammar.
CHOICE = (
    r"\{\s?\$?[\w.-]{1,100}\s{0,8}(?:,\s{0,8}(?:plural|select|selectordinal|choice)\s{0,8},|->)"
    rf"{_in_braces(8)}*+\}}"
)
_INNER = r"(?:[^{}\n]|\{[^{}\n]{0,200}+\}){1,200}+"
_NUMBERS = r"[-+0#]{0,3}(?:\d{1,4}|\*)?(?:\.(?:\d{1,4}|\*))?"  # flags, width and precision
_KIND = "(?:hh|h|ll|l|q|L|z|t|j)?[diouxXeEfFgGcrsaAp@]"
PLACEHOLDERS = (
    CHOICE,
    rf"\$?\{{{{2,5}}+{_INNER}\}}{{2,5}}",  # Mustache, Jinja, Vue; also {{{ it }}}, ${{ it }}
    r"\{%[^%\n]{1,200}%\}",
    rf"[$#%]\{{{_INNER}\}}",  # ${name}, #{name} and %{name}
    r"\{ ?[\w.$@#*/\[\]-]{0,100}(?:[,:!|?][^{}\n]{0,100})? ?\}",  # {name}, {0}, {}, {price:.2f}, {n, number}
    rf"%\([^()\s]{{1,100}}\){_NUMBERS}[diouxXeEfFgGcrsa]",  # %(name)s
    r"(?<!\d)%<\w{1,100}>[a-zA-Z]",
    # %s, %1$s, %5.2f, %ld. Behind a digit it is a percentage: "100%sure", "20 %ige".
    rf"(?<!\d)(?:(?<!\d[ \u00a0\u202f])|(?!%{_KIND}[^\W\d_]))%(?:\d{{1,3}}\$)?{_NUMBERS}{_KIND}",
    r"(?<!\d)%%",
)
# :smile:, :+1:, :tada::tada:; neither "10:30:45" nor "std::vector::size".
_EMOJI_NAME = "(?:[+-]1|100|1234|(?=[0-9_+-]{0,50}[A-Za-z])[A-Za-z0-9_+-]{1,50})"
EMOJI = rf"(?<!{LETTER})(?<!:)(?::{_EMOJI_NAME}:)++(?!:?{LETTER})"
# <b>, </a>, <br/>, <a href="…">, <0>; neither "a < b" nor "<3".
TAG = (
    r"</?[A-Za-z][\w:.-]{0,60}(?:\s{1,8}[\w:@.-]{1,60}(?:\s?=\s?(?:\"[^\"<>\n]{0,1000}\"|'[^'<>\n]{0,1000}'|[^\s\"'<>=]{1,1000}))?)"
    r"{0,30}\s?/?>|</?\d{1,4}\s?/?>"
)
# An address goes up to a space, a quote, a bracket that is not closed in it. A stop at its end belongs to the sentence.
_STOPS = "].,;:!?'’…*}`|।॥۔؟،؛።፣"
_NEVER = r"\s<>\"()\[{“”„«»\u3000-\u303f\uff00-\uffef"
_PAIRS = r"\([^\s()<>]{0,200}\)|\[[^\s\[\]<>]{0,200}\]|\{{1,3}[^\s{}<>]{0,200}\}{1,3}"
_LAST = rf"(?:[^\{_STOPS}{_NEVER}{UNSPACED}]|{_PAIRS})"
# What is written without spaces goes on behind an address. So letters of such scripts belong to one in its host, before
# more of it, and at its end where it stands between spaces: but not in hiragana, which is grammar.
_INSIDE = rf"[{UNSPACED}]++(?=[-/?#&=._~+%]++[A-Za-z0-9])"
_APART = r"(?P<apart>(?<![^\s(\[<\"'“„«]))?"
_AT_END = (
    rf"(?(apart)(?:(?<=[-/?#&=_])(?![\u3040-\u309f])[{UNSPACED}][-/_{UNSPACED}]*+(?=[\])\"'”».,;:!?]*(?:\s|\Z)))?)"
)
_TAIL = rf"(?:{_LAST}|[\{_STOPS}]++(?={_LAST})|{_INSIDE})++"
_LETTER = "A-Za-z0-9\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0370-\u052f"  # "jürgen@müller.de", "почта@пример.рф"
_HOST = (
    rf"(?:[\w{UNSPACED}-]{{1,63}}\.){{1,8}}?"
    rf"(?:(?!\d)[{_LETTER}](?:[{_LETTER}-]{{0,61}}[{_LETTER}])?(?![{_LETTER}])|[{UNSPACED}]{{1,20}}+(?=[/:?#\s]|\Z))"
)
_IN_NAME = f"[{_LETTER}._%+-]"
_BEFORE = f"(?<!{_IN_NAME})"
ADDRESSES = (
    rf"{_BEFORE}{_APART}(?:[A-Za-z][A-Za-z0-9+.-]{{1,20}}://|(?:www|WWW|Www)\.)(?:{_HOST}(?:{_TAIL})?|{_TAIL}){_AT_END}",
    rf"{_BEFORE}(?:mailto:)?{_IN_NAME}{{1,64}}@{_HOST}(?:\.[{_LETTER}-]{{1,63}}){{0,8}}",
)
PARTS = f"(?P<tag>{TAG})|{'|'.join([*PLACEHOLDERS, *ADDRESSES, EMOJI])}"
