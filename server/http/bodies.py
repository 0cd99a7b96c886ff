"""What the body of a request may be: its content types, and whether it is compressed."""

from __future__ import annotations

import logging
import math
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from python_multipart.multipart import Field, FormParser, parse_options_header

from broker.messages import FailureCode
from server.errors import Problem
from server.http.body import Headers

JSON = b"application/json"
BYTES = b"application/octet-stream"
FORM = b"application/x-www-form-urlencoded"
MULTIPART = b"multipart/form-data"
MOST_FIELDS = 10_000  # of a form, and of what stands behind the question mark
GZIP = 31  # zlib's number for that format
GZIPPED = {b"gzip", b"x-gzip"}  # its two names

logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # the client is told, and what it sent is not logged


@dataclass(frozen=True, slots=True)
class Bodies:
    """What an address takes."""

    said: str  # to whoever sends something else
    is_taken: Callable[[bytes], bool]  # of a content type that is not JSON, which all take
    has_pictures: bool = False  # its bound is another, and nothing is decoded on the event loop, however small

    def require(self, headers: Headers) -> None:
        """Raises `Problem` (unsupported_media_type); where no content type is named any of these may come."""
        kind = headers.get(b"content-type", JSON)
        if kind != JSON and not self.is_taken(kind):
            raise Problem("unsupported_media_type", self.said)


def is_json(kind: bytes) -> bool:
    """Whether this content type is JSON, also one of its kinds."""
    media_type = _media_type(kind)
    return media_type == JSON or (media_type.startswith(b"application/") and media_type.endswith(b"+json"))


def is_form(kind: bytes) -> bool:
    """Whether it is a form, of either kind."""
    return _media_type(kind) in (FORM, MULTIPART)


def _is_picture(kind: bytes) -> bool:
    # What kind of image a client says is not asked any further: the codec looks at the bytes.
    media_type = _media_type(kind)
    return media_type == BYTES or media_type.startswith(b"image/")


def _media_type(kind: bytes) -> bytes:
    return kind.partition(b";")[0].strip().lower()


JSON_ONLY = Bodies("Send the body with Content-Type: application/json", is_json)
JSON_OR_FORM = Bodies(
    "Send JSON with Content-Type: application/json, or a form",
    lambda kind: is_json(kind) or is_form(kind),
)
JSON_OR_PICTURE = Bodies(
    "Send the picture itself with Content-Type: image/…, or JSON with Content-Type: application/json",
    lambda kind: is_json(kind) or _is_picture(kind),
    has_pictures=True,
)
ANYTHING = Bodies("", lambda kind: True)


def form_pairs(kind: bytes, body: bytes) -> list[tuple[str, str]]:
    """Names and texts of a form, without its files. Raises `Problem` (malformed)."""
    if _media_type(kind) != MULTIPART:
        return query_pairs(body)
    try:
        return _parts(kind, body)
    except ValueError as error:  # not UTF-8, not whole, too many, or no form at all
        raise Problem("malformed", "The form cannot be read: is it whole, and in UTF-8?") from error


def query_pairs(text: bytes) -> list[tuple[str, str]]:
    """The same of what stands behind a question mark. Raises `Problem` (malformed)."""
    try:
        return parse_qsl(text.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:  # not UTF-8, or too many
        raise Problem("malformed", "The form, or what stands behind the '?', cannot be read: is it UTF-8?") from error


def _parts(kind: bytes, body: bytes) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    ends: list[bool] = []

    def keep(field: Field) -> None:
        found.append(((field.field_name or b"").decode(), (field.value or b"").decode()))

    boundary = parse_options_header(kind)[1].get(b"boundary")
    if boundary and body.count(b"--" + boundary) > MOST_FIELDS + 1:  # files count too
        raise ValueError("too many parts")
    in_memory = {"MAX_MEMORY_FILE_SIZE": math.inf}
    form = FormParser(MULTIPART.decode(), keep, None, lambda: ends.append(True), boundary, config=in_memory)
    form.write(body)
    if not ends:
        raise ValueError("no end")
    return found


def is_gzip(every_header: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a body is compressed by gzip. Raises `Problem` (unsupported_media_type) for any other way."""
    named = encodings(every_header)
    if not named <= GZIPPED:
        said = "Send the body as it is, or with Content-Encoding: gzip: no other one is read here"
        raise Problem("unsupported_media_type", said)
    return bool(named)


def require_plain(every_header: Iterable[tuple[bytes, bytes]]) -> None:
    """Raises `Problem` (unsupported_media_type) for a body that is compressed."""
    if encodings(every_header):
        raise Problem("unsupported_media_type", "Send the body as it is, without Content-Encoding: none is read here")


def encodings(every_header: Iterable[tuple[bytes, bytes]]) -> set[bytes]:
    """By which ways a body is compressed."""
    said = (value for name, value in every_header if name == b"content-encoding")
    return {one.strip().lower() for encoding in said for one in encoding.split(b",")} - {b"", b"identity"}


def unpacked(packed: bytes, limit: int) -> bytes:
    """A body that was compressed by gzip. Raises `Problem` (too_large, malformed), and makes little more than the
    limit."""
    gzip = zlib.decompressobj(GZIP)
    try:
        body = gzip.decompress(packed, limit + 1)
    except zlib.error as error:
        raise Problem("malformed", "The body is not gzip that can be read") from error
    if len(body) > limit:
        raise Problem(FailureCode.TOO_LARGE, f"The body may have at most {limit} bytes, unpacked", limit=limit)
    if not gzip.eof or gzip.unused_data:  # another member would be legal, and no client sends one
        raise Problem("malformed", "The body does not end where its gzip does")
    return body


def unpacked_if_small(packed: bytes, most: int) -> bytes | None:
    """The same in microseconds, where it can be read and has fewer bytes than that; else None."""
    gzip = zlib.decompressobj(GZIP)
    try:
        body = gzip.decompress(packed, most)
    except zlib.error:
        return None
    return body if gzip.eof and not gzip.unused_data else None
