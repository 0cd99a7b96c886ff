"""Heads that were read before: what an application gets is what the parser would have made of them."""

from __future__ import annotations

import random

import pytest

from server.http.connection import heads
from server.http.connection.heads import Heads
from tests.unit.server.http.talk import HELLO, Talk, body
from tests.unit.server.http.tiny_server import GET, POST

pytestmark = pytest.mark.anyio

THREE = POST + b"X-Name: value\r\nContent-Length: 3\r\n\r\n"
KINDS = [
    GET + b"\r\n",
    GET.replace(b"/", b"/a%20b?c=d", 1) + b"\r\n",
    THREE + b"abc",
    THREE + b"def",
    POST + b"Content-Length: 0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    POST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
    POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc",
    b"\r\n" + GET + b"\r\n",
    b"\r\n\r\n" + THREE + b"ghi",
]


class Parsed(Talk):
    """Counts the chunks that the parser gets."""

    def __init__(self, known):
        super().__init__(HELLO, body(b"hello"), heads=known)
        self.chunks = 0
        parse = self.connection._parse

        def counted(data):
            self.chunks += 1
            parse(data)

        self.connection._parse = counted


async def test_what_has_come_twice_is_not_parsed_again_whatever_its_body():
    talk = Parsed(Heads())

    for said in (b"abc", b"def", b"ghi", b"\r\n\r"):
        await talk.hears(THREE + said)

    assert talk.chunks == 2
    assert [seen[-1] for seen in talk.seen] == [b"abc", b"def", b"ghi", b"\r\n\r"]
    assert len({str(seen[:-1]) for seen in talk.seen}) == 1


async def test_what_one_connection_has_read_another_knows():
    known = Heads()
    for _ in range(2):
        await Parsed(known).hears(THREE + b"abc")
    talk = Parsed(known)

    await talk.hears(THREE + b"abc")

    assert (talk.chunks, len(talk.seen)) == (0, 1)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([THREE + b"ab", b"c"], id="a body in two parts"),
        pytest.param([THREE + b"abc" + GET, b"\r\n"], id="with the beginning of the next"),
        pytest.param([THREE + b"abc" + THREE + b"def"], id="two at once"),
        pytest.param([THREE[:-4], b"\r\n\r\nabc"], id="a head in two parts"),
        pytest.param([GET + b"X-Name: ", THREE + b"abc"], id="a head that is part of another one"),
        pytest.param([THREE.replace(b"value", b"other") + b"abc"], id="another head"),
    ],
)
async def test_all_else_is_parsed(parts):
    talk = Parsed(Heads())
    for _ in range(3):
        await talk.hears(THREE + b"abc")

    before = talk.chunks
    for part in parts:
        await talk.hears(part)

    assert talk.chunks == before + len(parts)
    assert talk.seen[3][-1] == b"abc"


@pytest.mark.parametrize("kind", [5, 6], ids=["chunks", "who waits to go on"])
async def test_a_head_whose_body_may_end_elsewhere_is_not_learned(kind):
    talk = Parsed(Heads())

    for _ in range(4):
        await talk.hears(KINDS[kind])

    assert talk.chunks == 4


async def test_what_follows_connect_is_never_its_body_whatever_came_before():
    connect = b"CONNECT /a HTTP/1.1\r\nContent-Length: 4\r\n\r\n"
    talk = Parsed(Heads())

    for _ in range(3):
        await talk.hears(connect + b"\r\n\r\n")  # empty lines before the next request
    talk.connection.data_received(connect + GET[:4])
    await talk.hears(GET[4:] + b"\r\n")

    assert [seen[0] for seen in talk.seen] == ["CONNECT"] * 4 + ["GET"]
    assert {seen[-1] for seen in talk.seen} == {b""}


async def test_behind_a_request_that_closes_its_connection_nothing_is_taken_from_memory():
    known = Heads()
    for _ in range(3):
        await Parsed(known).hears(THREE + b"abc")
    talk = Parsed(known)
    talk.connection.data_received(THREE.replace(b"X-Name: value", b"Connection: close") + b"abc")

    await talk.hears(THREE + b"abc")

    assert (talk.chunks, len(talk.seen)) == (2, 1)


async def test_heads_that_come_once_push_out_none_that_come_often(monkeypatch):
    monkeypatch.setattr(heads, "REMEMBERED", 10)
    talk = Parsed(Heads())
    for _ in range(3):
        await talk.hears(THREE + b"abc")
    for number in range(50):
        await talk.hears(THREE.replace(b"value", b"%d" % number) + b"abc")

    before = talk.chunks
    await talk.hears(THREE + b"abc")

    assert talk.chunks == before


async def test_no_more_are_kept_than_said(monkeypatch):
    monkeypatch.setattr(heads, "MOST", 3)
    known = Heads()
    talk = Parsed(known)

    for number in range(20):
        await talk.hears(THREE.replace(b"value", b"%d" % number) + b"abc")
        await talk.hears(THREE.replace(b"value", b"%d" % number) + b"abc")

    assert 1 <= len(known._known) <= 3


@pytest.mark.parametrize("seed", range(20))
async def test_requests_of_all_kinds_in_any_pieces_are_what_they_are_without_a_memory(seed, monkeypatch):
    chance = random.Random(seed)
    said = [chance.choice(KINDS) for _ in range(60)]
    pieces = []
    for request in said:
        cut = chance.choice([0, 0, 0, chance.randrange(len(request))])
        pieces += [part for part in (request[:cut], request[cut:]) if part]
    with_memory = Parsed(Heads())
    for piece in pieces:
        await with_memory.hears(piece)

    monkeypatch.setattr(heads, "LARGEST", 0)
    without = Parsed(Heads())
    for piece in pieces:
        await without.hears(piece)

    assert with_memory.seen == without.seen
    assert len(without.seen) == 60 and without.chunks == len(pieces) > with_memory.chunks
