"""W3C Trace Context: what of a request's `traceparent` and `tracestate` goes on with it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Of a version after 00, which may be longer, the part is used that 00 has as well.
TRACEPARENT = re.compile(
    rb"(?:00(?!.{54})|(?!00|ff)[0-9a-f]{2})(-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(?:-.*)?"
)
TRACE_ID = slice(3, 35)  # of a traceparent
# key=value: the key of a vendor, or tenant@system; the value in ASCII without comma and equals, not ending in a blank.
MEMBER = re.compile(
    rb"(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
    rb"=[ -+\--<>-~]{0,255}[!-+\--<>-~]"
)
MOST_MEMBERS = 32
MOST = 512  # characters that go on: it goes with every job
LARGE = 128  # characters of a member that goes first where there are too many


def traceparent_of(headers: Mapping[bytes, bytes]) -> str:
    """As version 00 has it; empty where there is none, or none that can be read."""
    sent = headers.get(b"traceparent")
    read = TRACEPARENT.fullmatch(sent) if sent is not None else None
    return f"00{read[1].decode('ascii')}" if read else ""


def tracestate_of(headers: Mapping[bytes, bytes]) -> str:
    """What vendors say of a trace, within bounds; empty where that cannot be read. Worth nothing without the other."""
    members = [member for one in headers.get(b"tracestate", b"").split(b",") if (member := one.strip(b" \t"))]
    keys = {member.partition(b"=")[0] for member in members}
    if len(members) > MOST_MEMBERS or len(keys) < len(members) or not all(map(MEMBER.fullmatch, members)):
        return ""
    return b",".join(_within(members)).decode("ascii")


def trace_headers(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """Both, as they are sent on; none where there is no trace."""
    found = {"traceparent": traceparent_of(headers)}
    if found["traceparent"]:
        found["tracestate"] = tracestate_of(headers)
    return {name: value for name, value in found.items() if value}


def _within(members: list[bytes]) -> list[bytes]:
    """As W3C has it: too many lose first what is large, then what was added longest ago, which stands last."""
    kept = members
    for member in [*(one for one in reversed(members) if len(one) > LARGE), *reversed(members)]:
        if sum(map(len, kept)) + len(kept) - 1 <= MOST:
            break
        kept = [one for one in kept if one is not member]
    return kept
