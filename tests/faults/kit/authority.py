"""Certificates for a test, and a broker that speaks TLS."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from broker.common.free_port import free_port
from tests.contract.servers import FINDERS, running

DAYS = "2"
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", DAYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsBroker:
    """One server on two ports."""

    tls_port: int
    plain_url: str  # a unix socket's
    plain_port: int
    authority: Path  # signed its certificate
    stranger: Path  # signed nothing of its

    def url(self, query: str = "", *, host: str = "localhost", user: str = "") -> str:
        """Over TLS; `query` beside the authority."""
        return f"rediss://{user}{host}:{self.tls_port}/0?ssl_ca_certs={self.authority}{query}"


@contextlib.contextmanager
def tls_broker(directory: Path, *options: str) -> Iterator[TlsBroker]:
    """For the length of the block; skips, saying why, where no server here speaks TLS."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine to make certificates with: apt-get install openssl")
    make_authority(directory, "authority")
    make_authority(directory, "stranger")
    make_certificate(directory, "authority", names="DNS:localhost")
    port, plain_port = free_port(), free_port()
    files = {"cert": "server.crt", "key": "server.key", "ca-cert": "authority.crt"}
    tls = [word for what, name in files.items() for word in (f"--tls-{what}-file", str(directory / name))]
    tls += ["--tls-port", str(port), "--tls-auth-clients", "no", "--port", str(plain_port)]
    with running(_server_with_tls(tls), *tls, *options) as server:
        yield TlsBroker(
            tls_port=port,
            plain_url=server.url,
            plain_port=plain_port,
            authority=directory / "authority.crt",
            stranger=directory / "stranger.crt",
        )


def _server_with_tls(options: Sequence[str]) -> str:
    for find in FINDERS.values():
        binary = find()
        if binary is not None and _runs(binary, options):
            return binary
    pytest.skip("no server on this machine was built with TLS: apt-get install redis-server")


def _runs(binary: str, options: Sequence[str]) -> bool:
    """A server that was built without TLS ends at once, saying that it does not know the setting."""
    try:
        subprocess.run([binary, *options, "--save", ""], stdout=subprocess.DEVNULL, timeout=1.0, check=False)
    except subprocess.TimeoutExpired:
        return True
    return False


def make_authority(directory: Path, name: str) -> None:
    """`<name>.crt` and `<name>.key`, signed by itself."""
    _openssl(directory, "req", "-x509", *KEY, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt")


def make_certificate(directory: Path, authority: str, *, names: str) -> None:
    """`server.crt` and `server.key`, signed by this authority, for these names."""
    _openssl(directory, "req", *KEY[:-2], "-subj", "/CN=server", "-keyout", "server.key", "-out", "server.csr")
    (directory / "names").write_text(f"subjectAltName={names}\n")
    signed = ["-req", "-in", "server.csr", "-out", "server.crt", "-days", DAYS, "-extfile", "names", "-CAcreateserial"]
    _openssl(directory, "x509", *signed, "-CA", f"{authority}.crt", "-CAkey", f"{authority}.key")


def _openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, capture_output=True, check=True)
