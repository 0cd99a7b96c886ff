"""The lines of an input: what each asks for, and what is wrong with them, by their numbers. Pure."""

from __future__ import annotations

import hashlib

import msgspec
from msgspec import Raw, Struct

from server.batches.kept import LineError

MOST_REQUESTS = 50_000  # of one batch
MOST_TOLD = 100  # errors of one input
LONGEST_ID = 512  # characters of a custom_id
BOM = b"\xef\xbb\xbf"  # with which editors of Windows begin a file


class Request(Struct, frozen=True, kw_only=True):
    """A line of an input."""

    custom_id: str
    method: str
    url: str
    body: Raw


_requests = msgspec.json.Decoder(Request)


class Malformed(Exception):
    """This line cannot be asked for."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.param = code, message, param


def request_from(text: bytes, endpoint: str) -> Request:
    """What this line asks for. Raises `Malformed`."""
    try:
        found = _requests.decode(text.removeprefix(BOM))
    except msgspec.ValidationError as error:
        raise Malformed("invalid_request", f"This line is no request: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed("invalid_json_line", "This line is not a JSON object.") from None
    if not 0 < len(found.custom_id) <= LONGEST_ID:
        raise Malformed("invalid_request", f"custom_id must have 1 to {LONGEST_ID} characters.", "custom_id")
    if found.method != "POST":
        raise Malformed("invalid_method", "method must be POST.", "method")
    if found.url != endpoint:
        raise Malformed("url_mismatch", f"url must be the endpoint of the batch, {endpoint}.", "url")
    if bytes(found.body)[:1] != b"{":
        raise Malformed("invalid_request", "body must be an object.", "body")
    return found


class Check:
    """Looks at the lines of an input one by one. Of a custom_id it remembers a digest, so its memory is bounded."""

    def __init__(self, endpoint: str, most: int = MOST_REQUESTS) -> None:
        self.total = 0  # requests so far
        self.errors: list[LineError] = []
        self._endpoint, self._most = endpoint, most
        self._seen: set[bytes] = set()

    @property
    def is_over(self) -> bool:
        """More need not be looked at."""
        return len(self.errors) >= MOST_TOLD or self.total > self._most

    def line(self, number: int, text: bytes | None) -> None:
        """The next one; None is one that is too long."""
        if text is not None and not text.strip():
            return
        self.total += 1
        try:
            self._look_at(text)
        except Malformed as wrong:
            self.errors.append(LineError(code=wrong.code, message=wrong.message, line=number, param=wrong.param))

    def end(self) -> None:
        """There are no more."""
        if not self.total and not self.errors:
            self.errors.append(LineError(code="empty_file", message="The input file has no requests."))

    def _look_at(self, text: bytes | None) -> None:
        if self.total == self._most + 1:
            raise Malformed("too_many_requests", f"A batch may have at most {self._most} requests.")
        if text is None:
            raise Malformed("line_too_long", "This line is longer than a request may be.")
        found = request_from(text, self._endpoint)
        digest = hashlib.blake2b(found.custom_id.encode("utf-8"), digest_size=12).digest()
        if digest in self._seen:
            raise Malformed("duplicate_custom_id", "An earlier line has this custom_id.", "custom_id")
        self._seen.add(digest)
