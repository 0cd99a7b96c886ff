"""Why a body cannot be read as JSON, in words that help its sender. Pure."""

from __future__ import annotations

import re

MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")  # of UTF-8, and of UTF-16 either way round
LONE_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"  # a high one without its low one
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"  # a low one without its high one
    rb"|\xed[\xa0-\xbf]"  # either, as bytes that pass for UTF-8
)


def why(body: bytes, error: Exception) -> str:
    """What is wrong with it. Nothing of the body is repeated, since the message may go to a log."""
    if not body:
        return "it is empty"
    if body.startswith(MARKS):
        return "it begins with a byte order mark; send UTF-8 without one"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if LONE_SURROGATE.search(body):
        return "it has a lone surrogate, which is no character"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return str(error).removeprefix("JSON is malformed: ").lower()
