"""What nobody wants translated, wherever it stands: placeholders, tags, addresses. Takes linear time."""

from __future__ import annotations

import re

# A text with none of these has no such part, which tells nearly every one: a set of characters is the fastest search.
HINT, OTHER_HINT = re.compile("[{%<@/]"), "www."

_NUMBERS = r"[-+0#]{0,3}(?:\d{1,4}|\*)?(?:\.(?:\d{1,4}|\*))?"  # flags, width and precision
_KIND = "(?:hh|h|ll|l|q|L|z|t|j)?[diouxXeEfFgGcrsaAp@]"
PLACEHOLDERS = (
    r"\{\{\{[^{}\n]{1,200}\}\}\}|\$?\{\{[^{}\n]{1,200}\}\}",  # Mustache, Jinja, Vue; also {{{ it }}}, ${{ it }}
    r"\{%[^%\n]{1,200}%\}",
    r"[$#%]\{[^{}\n]{1,200}\}",  # ${name}, #{name} and %{name}
    r"\{ ?[\w.$@#*/\[\]-]{0,100}(?:[,:!|?][^{}\n]{0,100})? ?\}",  # {name}, {0}, {}, {price:.2f}, {n, number}
    rf"%\([^()\s]{{1,100}}\){_NUMBERS}[diouxXeEfFgGcrsa]",  # %(name)s
    r"(?<!\d)%<\w{1,100}>[a-zA-Z]",
    # %s, %1$s, %5.2f, %ld. Behind a digit it is a percentage: "100%sure", "20 %ige".
    rf"(?<!\d)(?:(?<!\d[ \u00a0\u202f])|(?!%{_KIND}[^\W\d_]))%(?:\d{{1,3}}\$)?{_NUMBERS}{_KIND}",
    r"(?<!\d)%%",
)
# <b>, </a>, <br/>, <a href="…">, <0>; neither "a < b" nor "<3".
TAG = (
    r"</?[A-Za-z][\w:.-]{0,60}(?:\s{1,8}[\w:@.-]{1,60}(?:\s?=\s?(?:\"[^\"<>\n]{0,1000}\"|'[^'<>\n]{0,1000}'|[^\s\"'<>=]{1,1000}))?)"
    r"{0,30}\s?/?>|</?\d{1,4}\s?/?>"
)
# Up to a space, a quote, a letter of a script without spaces; a stop at its end belongs to the sentence.
_SCRIPTS = "\u3000-\u30ff\u3400-\u9fff\uac00-\ud7a3\uff00-\uffef"
_INNER = rf"[^\s<>\"()“”«»{_SCRIPTS}]"
_LAST = rf"[^\s<>\"()“”«»{_SCRIPTS}.,;:!?'’…*\]}}]"
_TAIL = rf"(?:\([^\s()<>]{{0,200}}\)|{_INNER}){{0,2000}}(?:\([^\s()<>]{{0,200}}\)|{_LAST})"
# Letters of scripts with spaces: "jürgen@müller.de", "почта@пример.рф".
_LETTER = "A-Za-z0-9\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0370-\u052f"
_IN_NAME, _IN_HOST = f"[{_LETTER}._%+-]", f"[{_LETTER}-]"
_NO_WORD_BEFORE = f"(?<!{_IN_NAME})"
ADDRESSES = (
    rf"{_NO_WORD_BEFORE}(?:[A-Za-z][A-Za-z0-9+.-]{{1,20}}://|www\.){_TAIL}",
    rf"{_NO_WORD_BEFORE}(?:mailto:)?{_IN_NAME}{{1,64}}@{_IN_HOST}{{1,63}}(?:\.{_IN_HOST}{{1,63}}){{1,8}}",
)
PARTS = f"(?P<tag>{TAG})|{'|'.join([*PLACEHOLDERS, *ADDRESSES])}"
