"""The form that brings a file, multipart/form-data, read as it arrives: the file's bytes, and what its fields say."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from broker.messages import FailureCode
from server.errors import Problem
from server.http.bodies import MULTIPART

SEND_A_FORM = "Send the file as multipart/form-data, with the fields purpose and file"
PURPOSE, FILE = "purpose", "file"
ANCHOR, SECONDS = "expires_after[anchor]", "expires_after[seconds]"
BATCH, CREATED = "batch", "created_at"
KNOWN = (PURPOSE, FILE, ANCHOR, SECONDS)
BESIDES = 1 << 16  # bytes that a form may have besides its file
MOST_OF_A_FIELD = 1_024  # bytes
LONGEST_NAME = 255  # characters
SHORTEST_KEPT, LONGEST_KEPT = 3_600, 2_592_000  # seconds, as OpenAI has them
UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Form:
    """One form. What it says is whole once `file` has ended."""

    def __init__(self, content_type: bytes) -> None:
        """Raises `Problem` (unsupported_media_type, malformed) for another type, and a form that cannot be told."""
        self.filename = ""
        self._fields: dict[str, bytearray] = {}
        self._has_ended = False
        self._header = [bytearray(), bytearray()]  # the name and the value of the one that arrives
        self._name: str | None = None  # of the field that arrives
        self._pieces: list[bytes] = []  # of the file, from the chunk that is read
        self._parser = self._parser_for(content_type)

    @property
    def purpose(self) -> str:
        return self._field(PURPOSE)

    @property
    def kept(self) -> float | None:
        """Seconds that the file is to be kept; None where the form does not say."""
        if ANCHOR in self._fields and self._field(ANCHOR) != CREATED:
            raise Problem("malformed", "expires_after.anchor is created_at", param="expires_after.anchor")
        if SECONDS not in self._fields:
            return None
        said = self._field(SECONDS)
        if not re.fullmatch("[0-9]{1,9}", said) or not SHORTEST_KEPT <= int(said) <= LONGEST_KEPT:
            bounds = f"expires_after.seconds is {SHORTEST_KEPT} to {LONGEST_KEPT}"
            raise Problem("malformed", bounds, param="expires_after.seconds")
        return float(said)

    async def file(self, body: AsyncIterator[bytes], limit: int) -> AsyncGenerator[bytes, None]:
        """The bytes of the file; ends only when the whole form is there and in order, else it raises `Problem`."""
        size = total = 0
        async for chunk in body:
            total += len(chunk)
            for piece in self._found_in(chunk):
                size += len(piece)
                if size > limit:
                    raise too_large(limit)
                yield piece
            if total - size > BESIDES:
                raise Problem("malformed", f"The form has more than {BESIDES} bytes besides its file")
        if not self._has_ended:
            raise Problem("malformed", f"The form ends before its last boundary. {SEND_A_FORM}.")
        self._require_whole()

    def _require_whole(self) -> None:
        if FILE not in self._fields:
            raise Problem("malformed", "The form has no field named file", param=FILE)
        self._require_purpose()
        _ = self.kept

    def _require_purpose(self) -> None:
        if self.purpose != BATCH:
            raise Problem("malformed", "purpose must be batch: files serve nothing else here", param=PURPOSE)

    def _found_in(self, chunk: bytes) -> list[bytes]:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise Problem("malformed", f"This is not a form that can be read. {SEND_A_FORM}.") from error
        found, self._pieces = self._pieces, []
        return found

    def _parser_for(self, content_type: bytes) -> MultipartParser:
        kind, options = parse_options_header(content_type)
        if kind != MULTIPART:
            raise Problem("unsupported_media_type", SEND_A_FORM)
        if not (boundary := options.get(b"boundary")):
            raise Problem("malformed", "The Content-Type of a form names its boundary")
        try:
            return MultipartParser(
                boundary,
                {
                    "on_part_begin": self._part_begins,
                    "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                    "on_header_end": self._header_ends,
                    "on_headers_finished": self._headers_end,
                    "on_part_data": self._data,
                    "on_part_end": self._part_ends,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise Problem("malformed", "The boundary of the form is too long") from error

    def _part_begins(self) -> None:
        self._name = None

    def _header_ends(self) -> None:
        name, value = map(bytes, self._header)
        self._header = [bytearray(), bytearray()]
        if name.lower() == b"content-disposition":
            _, options = parse_options_header(value)
            self._name = options.get(b"name", b"").decode("utf-8", "replace")
            if self._name == FILE:
                self.filename = shown(options.get(b"filename", b"").decode("utf-8", "replace"))

    def _headers_end(self) -> None:
        if self._name is None:
            raise Problem("malformed", "A field of the form has no name")
        if self._name in self._fields:
            raise Problem("malformed", f"The form has two fields named {self._name}", param=self._name)
        if self._name in KNOWN:
            self._fields[self._name] = bytearray()

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._name == FILE:
            self._pieces.append(data[start:end])
        elif self._name in KNOWN:
            field = self._fields[self._name]
            field += data[start:end]
            if len(field) > MOST_OF_A_FIELD:
                raise Problem(FailureCode.TOO_LARGE, f"{self._name} has at most {MOST_OF_A_FIELD} bytes")

    def _part_ends(self) -> None:
        if self._name == PURPOSE:
            self._require_purpose()  # before the file has travelled for nothing

    def _end(self) -> None:
        self._has_ended = True

    def _field(self, name: str) -> str:
        return self._fields.get(name, b"").decode("utf-8", "replace")


def shown(filename: str) -> str:
    """What is kept of a client's name of a file: its last part, without what no reader could see."""
    return UNSHOWN.sub("", re.split(r"[/\\]", filename)[-1])[:LONGEST_NAME]


def too_large(limit: int) -> Problem:
    """A file of more than so many bytes."""
    return Problem(FailureCode.TOO_LARGE, f"A file has at most {limit} bytes", limit=limit, param=FILE)
