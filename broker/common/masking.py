"""What may be seen of a broker's URL, or a database's: never its password or its options. Pure.

All that shows a URL, or a text that may hold one, goes through here. A password that was pasted as it is, with `@`,
`/`, `?` or `#` in it, moves the parts of a URL about; so what is not plainly an address is not shown at all.
"""

from __future__ import annotations

import re
from typing import Any

HIDDEN = "…"
SCHEMES = ("redis", "rediss", "unix", "postgresql", "postgres")
HOST = r"[\w.-]+|\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]"
PLACE = re.compile(rf"(?:(?:{HOST})(?::\d{{0,5}})?)?(?:/\d{{0,5}}/?)?")
DATABASE = re.compile(rf"(?:(?:{HOST})(?::\d{{0,5}})?)?(?:/[\w-]*)?")  # a name in place of a number
SOCKET = re.compile(r"/[^@?#]*")
PLACES = {"unix": SOCKET, "postgresql": DATABASE, "postgres": DATABASE}
USER = re.compile(r"([\w.-]*):.+", re.DOTALL)  # alone, without a password behind it, it may be one
# Up to the last '@' of its line, or to its end behind `password=`: where one ends nobody can tell who does not know it.
IN_TEXT = re.compile(r"(?i)(?:rediss?|unix|postgres(?:ql)?)://(?:\S*?password=[^\n]*|(?:[^\n]*@)?\S*)")
ENDS = re.compile(r"[.,:;)'\"]{0,2}\Z")  # may stand behind a URL in a sentence


def shown(url: str) -> str:
    """Scheme, user and place: `redis://user:…@host:6379/0`. Where anything is in doubt, the scheme only."""
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    if scheme not in SCHEMES:
        return HIDDEN
    user, at, place = re.split("[?#]", rest, maxsplit=1)[0].rpartition("@")
    is_plain = PLACES.get(scheme, PLACE).fullmatch(place) and "/" not in user and not at_astray(url)
    if not is_plain:
        return f"{scheme}://{HIDDEN}"
    named = USER.fullmatch(user)
    return f"{scheme}://{named[1] + ':' if named else ''}{HIDDEN + at if at else ''}{place}"


def masked(text: str) -> str:
    """The text, with each URL in it as `shown` shows it."""
    return IN_TEXT.sub(_mask, text) if "://" in text else text


def masked_deep(value: Any) -> Any:
    """The same for the texts inside lists and mappings."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {name: masked_deep(one) for name, one in value.items()}
    return [masked_deep(one) for one in value] if isinstance(value, list | tuple) else value


def is_ambiguous(url: str) -> bool:
    """Whether it can be read in two ways: its password has to be percent-encoded. What is read the wrong way takes a
    piece of a password for a host, and every error would say it aloud."""
    scheme, _, rest = url.partition("://")
    head, _, fragment = rest.partition("#")
    netloc, slash, path = head.partition("?")[0].partition("/")
    if scheme == "unix" and not netloc:
        return "@" in fragment
    if scheme == "unix" and not (slash and netloc.endswith("@")):
        return True
    options = [option for option in head.partition("?")[2].split("&") if option]
    return "@" in fragment or "@" in path or any("=" not in option for option in options)


def at_astray(url: str) -> bool:
    """Whether an `@` stands behind the address, where a password that was not encoded may have ended."""
    rest = url.partition("://")[2]
    return "@" in rest[len(re.split("[?#]", rest, maxsplit=1)[0]) :]


def _mask(found: re.Match[str]) -> str:
    end = ENDS.search(found[0])
    assert end is not None  # it matches nothing at all, too
    return shown(found[0][: end.start()]) + end[0]
