"""Credentials in a file, one line of JSON each: what `--api-keys FILE` reads."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from broker.contract import StoredCredentials
from broker.credentials.credential import decode_lines

OWNERS_ALONE = 0o600


class CredentialFile:
    """Keeps `CredentialBroker` for one who changes it at a time. Comments and the order of lines stay."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def credentials(self) -> StoredCredentials:
        """Raises `ValueError` for a file that cannot be read as one, `OSError` for one that cannot be read at all. One
        that is not there is empty."""
        text = self._text()
        decode_lines(text)  # says in which line what is wrong, and twice the same id
        lines = {id: line.encode() for line in text.splitlines() for id in decode_lines(line)}
        return StoredCredentials(version="", entries=lines)

    def change_credential(self, id: str, before: bytes, after: bytes) -> bool:
        """In place of the line that was `before`. Raises what `credentials` does."""
        self.credentials()  # no line of ours goes into a file of something else
        lines = self._text().splitlines()
        if before:
            at = lines.index(before.decode())
            lines[at : at + 1] = [after.decode()] if after else []
        else:
            lines.append(after.decode())
        self._write("".join(f"{line}\n" for line in lines))
        return True

    def _text(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            return self._path.read_text("utf-8")
        return ""

    def _write(self, text: str) -> None:
        """Whole or not at all: front ends may be reading it."""
        target = self._path.resolve()  # of a link the file, not the link
        mode = target.stat().st_mode & 0o777 if target.exists() else OWNERS_ALONE
        with tempfile.NamedTemporaryFile("w", dir=target.parent, delete=False, encoding="utf-8") as made:
            made.write(text)
        os.chmod(made.name, mode)
        os.replace(made.name, target)
