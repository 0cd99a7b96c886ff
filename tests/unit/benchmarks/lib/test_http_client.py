"""The lean client, against a scripted server on the loopback."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from pathlib import Path

import pytest

from benchmarks.lib.http_client import HttpClient, find_header, parse
from tests.unit.benchmarks.scripted import REPLY, answer_every, read_request, server

pytestmark = pytest.mark.anyio


def test_a_reply_is_read_once_it_is_whole():
    assert [parse(REPLY[:end]) is None for end in (10, len(REPLY) - 1, len(REPLY))] == [True, True, False]


def test_a_reply_has_status_body_and_headers_in_any_case():
    reply = parse(REPLY)

    assert (reply.status, reply.body, reply.header(b"server-timing")) == (200, b"ok", b"queue;dur=1")


def test_a_header_that_is_not_there_is_empty():
    assert find_header(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n", b"server-timing") == b""


@pytest.mark.parametrize("reply", [b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", b"SSH-2.0\r\n\r\n"])
def test_a_reply_without_a_length_is_refused(reply):
    with pytest.raises(ValueError, match="Content-Length"):
        parse(reply)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\nA;x=y\r\n\r\n89012345\r\n0\r\n\r\n"


def test_chunks_are_one_body_once_all_are_there():
    assert all(parse(CHUNKED[:end]) is None for end in range(len(CHUNKED)))
    assert parse(CHUNKED).body == b"one\r\n89012345"


def test_a_reply_that_has_no_body_needs_no_length():
    assert parse(b"HTTP/1.1 204 No Content\r\nserver: x\r\n\r\n").body == b""


@pytest.mark.parametrize("url", ["https://", "host:9527", "unix:///socket"])
def test_a_url_that_it_cannot_speak_to_is_refused(url):
    with pytest.raises(ValueError, match="http://HOST:PORT"):
        HttpClient(url)


def test_the_path_of_the_url_stands_before_the_request_s_own():
    request = HttpClient("http://host:80/jitney/").request("/x", b"")

    assert request.startswith(b"POST /jitney/x HTTP/1.1\r\nHost: host:80\r\n")


def test_a_lane_is_a_header_and_without_one_there_is_none():
    client = HttpClient("http://host:80")

    assert b"\r\nJitney-Lane: bulk\r\n" in client.request("/x", b"", lane="bulk")
    assert b"Jitney-Lane" not in client.request("/x", b"")


def test_a_get_has_neither_body_nor_headers_of_one():
    client = HttpClient("http://127.0.0.1:1/jitney")

    assert client.get("/predictions/1") == b"GET /jitney/predictions/1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n"


def test_what_is_preferred_is_a_header():
    client = HttpClient("http://127.0.0.1:1")

    assert b"\r\nPrefer: respond-async\r\n" in client.request("/x", b"", prefer="respond-async")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    """One that 127.0.0.1 has signed for itself, and its key."""
    directory = tmp_path_factory.mktemp("tls")
    file, key = directory / "certificate.pem", directory / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    who = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*made, *who, "-keyout", key, "-out", file], check=True, capture_output=True)
    return file, key


def tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


async def test_a_server_with_a_certificate_that_is_trusted_is_spoken_to_by_https(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))

    async with server(answer_every, tls(certificate)) as url:
        with HttpClient(url) as client:
            replies = [await client.send(client.request("/x", b"{}")) for _ in range(2)]

    assert (url[:8], [reply.status for reply in replies]) == ("https://", [200, 200])


async def test_a_certificate_that_nobody_vouches_for_is_refused(certificate):
    async with server(answer_every, tls(certificate)) as url:
        with HttpClient(url) as client, pytest.raises(ssl.SSLError, match="self-signed"):
            await client.check()


async def test_one_connection_serves_one_request_after_another():
    connections = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await answer_every(reader, writer)

    async with server(script) as url:
        with HttpClient(url) as client:
            for _ in range(3):
                await client.send(client.request("/x", b"{}"))

    assert len(connections) == 1


async def test_the_reply_to_a_request_that_was_given_up_is_never_taken_for_the_next_one_s():
    arrived, late = asyncio.Event(), asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader)
        if b"first" in request:
            arrived.set()
            await late.wait()
        writer.write(REPLY.replace(b"ok", b"1." if b"first" in request else b"2."))

    async with server(script) as url:
        with HttpClient(url) as client:
            first = asyncio.create_task(client.send(client.request("/x", b"first")))
            await arrived.wait()
            first.cancel()
            await asyncio.wait([first])
            late.set()
            reply = await client.send(client.request("/x", b"second"))

    assert reply.body == b"2."


async def test_a_server_that_hangs_up_is_an_error():
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)

    async with server(script) as url:
        with HttpClient(url) as client, pytest.raises(ConnectionResetError):
            await client.send(client.request("/x", b"{}"))


async def test_a_connection_that_the_server_closes_is_not_used_again():
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(REPLY.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

    async with server(script) as url:
        with HttpClient(url) as client:
            replies = [await client.send(client.request("/x", b"{}")) for _ in range(2)]

    assert [reply.status for reply in replies] == [200, 200]
