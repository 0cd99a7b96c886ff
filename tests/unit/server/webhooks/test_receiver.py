"""Which addresses a client may name for its webhook."""

from __future__ import annotations

import pytest

from server.errors import Problem
from server.webhooks.addresses import networks_in
from server.webhooks.receiver import receiver_from

LOOPBACK = networks_in("127.0.0.0/8")


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://hooks.example/in?token=1", "hooks.example"),
        ("https://HOOKS.example:8443/", "hooks.example:8443"),
        ("https://8.8.8.8/x", "8.8.8.8"),
        ("https://[2606:2800:220:1:248:1893:25c8:1946]:1/", "[2606:2800:220:1:248:1893:25c8:1946]:1"),
    ],
)
def test_an_https_address_is_taken(url: str, authority: str) -> None:
    assert receiver_from(url, []).authority == authority


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://hooks.example/", id="no TLS"),
        pytest.param("ftp://hooks.example/", id="another scheme"),
        pytest.param("file:///etc/passwd", id="a file"),
        pytest.param("https:///in", id="no host"),
        pytest.param("hooks.example", id="no scheme"),
        pytest.param("", id="nothing"),
        pytest.param("https://user:pass@hooks.example/", id="a user"),
        pytest.param("https://hooks.example/#x", id="a fragment"),
        pytest.param("https://hooks.example:99999/", id="no port"),
        pytest.param("https://hooks.example\\@10.0.0.1/", id="a backslash"),
        pytest.param("https://hooks.example/ x", id="a space"),
        pytest.param("https://hööks.example/", id="not ASCII"),
        pytest.param("https://[fe80::1%25lo]/", id="a scope"),
        pytest.param("https://10.0.0.1/", id="a private address"),
        pytest.param("https://[::ffff:127.0.0.1]/", id="this machine, mapped"),
        pytest.param("https://169.254.169.254/latest", id="metadata"),
        pytest.param("https://hooks.example/" + "x" * 2048, id="too long"),
    ],
)
def test_anything_else_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(Problem) as told:
        receiver_from(url, [])

    assert told.value.code == "malformed"
    assert not url or url not in str(told.value.detail)


def test_http_is_taken_where_an_operator_allows_networks_and_only_to_these() -> None:
    assert receiver_from("http://127.0.0.1:8000/", LOOPBACK).authority == "127.0.0.1:8000"
    with pytest.raises(Problem):
        receiver_from("http://8.8.8.8/", LOOPBACK)
