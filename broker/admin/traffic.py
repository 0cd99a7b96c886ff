"""Shares of a model's requests as people write them, and what becomes of those that were before. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Literal

from broker.messages import WHOLE, Span, Traffic

HUNDREDTH = WHOLE // 100
DIGITS = 12  # of a revision
REVISION = re.compile(rf"[0-9a-f]{{{DIGITS}}}")
SPELLED = "a share is spelled as REVISION=10%, with at most three decimals"


def parse_shares(texts: Iterable[str]) -> dict[str, int]:
    """Parts by revision, of `REVISION=10%` and so on. Raises `ValueError` that says what is wrong with one."""
    found: dict[str, int] = {}
    for text in texts:
        revision, _, share = text.partition("=")
        if not revision or not share.endswith("%"):
            raise ValueError(f"{text!r}: {SPELLED}")
        if revision in found:
            raise ValueError(f"{revision!r} is named twice")
        found[revision] = _parts(text, share[:-1])
    if sum(found.values()) > WHOLE:
        raise ValueError(f"these come to {percent(sum(found.values()))}, and there is 100% to give")
    return found


def _parts(text: str, share: str) -> int:
    try:
        parts = Decimal(share) * HUNDREDTH
        if 0 <= parts <= WHOLE and parts == int(parts):
            return int(parts)
    except ArithmeticError:  # no number, or one without end
        pass
    raise ValueError(f"{text!r}: {SPELLED}, from 0% to 100%")


def percent(parts: int) -> str:
    """As it is written."""
    return f"{Decimal(parts) / HUNDREDTH:f}%"


def in_full(name: str, wanted: Mapping[str, int], known: Sequence[str]) -> dict[str, int]:
    """The same by whole revisions; `known` are those of the model. Raises `ValueError` for one that cannot be told."""
    found: dict[str, int] = {}
    for beginning, parts in wanted.items():
        revision = _whole(name, beginning, known)
        if revision in found:
            raise ValueError(f"{name}@{revision} is named twice")
        found[revision] = parts
    return found


def _whole(name: str, beginning: str, known: Sequence[str]) -> str:
    alike = [one for one in known if one.startswith(beginning)]
    if beginning in known or len(alike) == 1:
        return beginning if beginning in known else alike[0]
    if alike:
        raise ValueError(f"several revisions of {name} begin with {beginning!r}: {', '.join(alike)}; write more of it")
    if not REVISION.fullmatch(beginning):
        those = ", ".join(known) or "none"
        said = f"no revision of {name} begins with {beginning!r}; known are: {those}"
        raise ValueError(f"{said}. One that is yet to come is written in full: {DIGITS} digits, as /v1/models has it")
    return beginning


def shared_out(before: Traffic | None, shares: Mapping[str, int], sticky: Literal["", "caller"]) -> Traffic:
    """These shares, for as many callers as can be on the side on which they were: what a share gives up goes to those
    that have none, and what it gains comes from there."""
    spans: Sequence[Span] = before.spans if before else [Span(parts=WHOLE)]
    held = before.shares if before else {}
    for revision, parts in held.items():
        # From its end: those that came last go first, so that a share that is taken back leaves callers as they were.
        spans = _moved(spans[::-1], revision, "", parts - shares.get(revision, 0))[::-1]
    for revision, parts in shares.items():
        spans = _moved(spans, "", revision, parts - min(parts, held.get(revision, 0)))
    nothing = [Span(parts=0, revision=revision) for revision, parts in shares.items() if not parts]
    return Traffic(spans=(*_joined(spans), *nothing), sticky=sticky)


def _moved(spans: Sequence[Span], source: str, target: str, parts: int) -> list[Span]:
    """The first so many parts of the one are the other's."""
    found = []
    for span in spans:
        taken = max(0, min(parts, span.parts)) if span.revision == source else 0
        parts -= taken
        found += [Span(parts=taken, revision=target), Span(parts=span.parts - taken, revision=span.revision)]
    return [span for span in found if span.parts]


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Neighbours of one revision as one."""
    alike = groupby(spans, key=lambda span: span.revision)
    return [Span(parts=sum(span.parts for span in some), revision=revision) for revision, some in alike]
