"""What may be seen of a broker's URL: never a piece of a password, however it was pasted."""

from __future__ import annotations

from urllib.parse import quote

import pytest
import redis
from hypothesis import example, given
from hypothesis import strategies as st

from broker.common.diagnosis import diagnose
from broker.common.masking import masked, shown
from broker.errors import BrokerError
from broker.redis.connection import make_sync_client

SPECIAL = r""":/?#[]@!$&'()*+,;=%\"`<>^{|}~ .-_"""
# Letters that nothing else here is written in, so that any three of them were the password's.
PASSWORDS = st.text(st.sampled_from(SPECIAL + "QXZJQXZJ7"), min_size=1, max_size=24)
PLACES = st.sampled_from(["h", "h:6379", "h:6379/0", "10.0.0.1:6379/2", "[::1]:6379/0"])


def pieces(password: str) -> set[str]:
    """What must not be seen: any three letters of it that say something."""
    found = {password[at : at + 3] for at in range(len(password) - 2)}
    return {piece for piece in found if any(letter in "QXZJ7" for letter in piece)}


def said_of(url: str) -> list[str]:
    """All that is ever said of this URL: shown, inside a sentence, by whatever it is refused with."""
    said = [shown(url), masked(f"at {url}: gone"), masked(f"argument --x: '{url}' is not known"), masked(url)]
    said.append(str(diagnose(ConnectionError("Timeout"), url)))
    try:
        client = make_sync_client(url, name=None, socket_timeout=0.1)
    except BrokerError as error:
        return [*said, str(error), repr(error.__cause__), str(diagnose(error, url))]
    pool = client.connection_pool.connection_kwargs
    return [*said, str(pool.get("host")), str(pool.get("port")), str(pool.get("path"))]  # what errors of redis-py name


@given(PASSWORDS, PLACES, st.sampled_from(["redis", "rediss", "postgresql"]), st.sampled_from(["", "user"]))
@example("my@secretQXZ/partQ", "h:6379", "redis", "")
@example("12345#QXZJ", "h", "redis", "user")
@example("12345?QXZ&JQX=Z", "h", "redis", "user")
def test_no_piece_of_a_password_is_shown_however_it_was_pasted(
    password: str, place: str, scheme: str, user: str
) -> None:
    for said in said_of(f"{scheme}://{user}:{password}@{place}"):
        assert not [piece for piece in pieces(password) if piece in said], said


@given(PASSWORDS)
def test_nor_is_one_shown_before_a_socket_in_place_of_a_user_or_as_an_option(password: str) -> None:
    urls = [
        f"unix://a:{password}@/run/s",
        f"unix://u{password.replace(':', '')}@/run/s",  # before a colon stands a user, and no secret
        f"redis://h:6379/0?password={quote(password, safe='')}",
        f"redis://{quote(password, safe='')}@h:6379/0",
    ]
    for url in urls:
        for said in said_of(url):
            assert not [piece for piece in pieces(password) if piece in said], (url, said)


@given(st.text(min_size=1, max_size=20).filter(lambda text: max(text) < "\ud800"), PLACES)
def test_a_password_that_is_encoded_connects_to_the_same_place(password: str, place: str) -> None:
    url = f"redis://user:{quote(password, safe='')}@{place}"

    ours = make_sync_client(url, name=None, socket_timeout=0.1).connection_pool.connection_kwargs
    theirs = redis.Redis.from_url(url).connection_pool.connection_kwargs

    assert [ours.get(name) for name in ("host", "port", "db")] == [theirs.get(name) for name in ("host", "port", "db")]
    assert ours["password"] == password
    assert shown(url) == f"redis://user:…@{place}"


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("REDIS://:secret@h", "redis://:…@h"),
        ("rediss://a@b:c@d@h:1/2", "rediss://…@h:1/2"),
        ("redis://secret@h", "redis://…@h"),
        ("unix://u:secret@/run/s.sock?db=1", "unix://u:…@/run/s.sock"),
        ("redis://h:6379/0?password=a@b", "redis://…"),
        ("redis://[::1]:6379/0", "redis://[::1]:6379/0"),
        ("redis://u:secret@[fe80::1%eth0]:6379", "redis://u:…@[fe80::1%eth0]:6379"),
        ("postgresql://u:secret@h:5432/jitney?sslmode=require", "postgresql://u:…@h:5432/jitney"),
        ("postgres:///jitney?host=/run/postgresql&password=secret", "postgres:///jitney"),
        ("postgresql://u:se/cret@h/jitney", "postgresql://…"),
        ("valkey://:secret@h", "…"),
        ("secret", "…"),
        ("", "…"),
    ],
)
def test_the_place_is_shown_where_nothing_is_in_doubt(url: str, seen: str) -> None:
    assert shown(url) == seen
    assert shown(seen) == seen


def test_a_legal_url_with_an_at_sign_in_its_option_connects() -> None:
    client = make_sync_client("redis://h:6379/0?password=a@b", name=None, socket_timeout=0.1)

    assert client.connection_pool.connection_kwargs["password"] == "a@b"


def test_a_sentence_keeps_its_other_words() -> None:
    text = "no: redis://u:secret@h:1/0, or 'redis://:x@h'; it ends"

    assert masked("redis://u:secret@h:1/0: nothing listens there; start it") == (
        "redis://u:…@h:1/0: nothing listens there; start it"
    )
    assert "secret" not in masked(text) and masked(text).startswith("no: redis://")


@pytest.mark.parametrize(
    ("password", "left"), [("my secret part", "redis://h:6379/0"), ("my@ secret part", "redis://…")]
)
def test_in_a_text_nothing_behind_a_password_option_is_shown(password: str, left: str) -> None:
    text = f"cannot use redis://h:6379/0?password={password}&db=1 here\nthe next line"

    assert masked(text) == f"cannot use {left}\nthe next line"
