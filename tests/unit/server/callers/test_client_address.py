"""From which address a client asks: what clients write themselves counts for nothing."""

from __future__ import annotations

import pytest

from server.callers.client_address import NOWHERE, asked_from
from server.webhooks.addresses import networks_in

PROXIES = networks_in("10.0.0.0/8, fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        pytest.param("9.9.9.9", [], "9.9.9.9", id="no proxy"),
        pytest.param("9.9.9.9", ["1.1.1.1"], "9.9.9.9", id="a stranger who says to be a proxy"),
        pytest.param("10.0.0.1", [], "10.0.0.1", id="a proxy itself"),
        pytest.param("10.0.0.1", ["1.1.1.1"], "1.1.1.1", id="behind a proxy"),
        pytest.param("10.0.0.1", ["6.6.6.6, 1.1.1.1"], "1.1.1.1", id="the leftmost is forged"),
        pytest.param("10.0.0.1", ["6.6.6.6", "1.1.1.1"], "1.1.1.1", id="a header of the client's own"),
        pytest.param("10.0.0.1", ["1.1.1.1, 10.0.0.2"], "1.1.1.1", id="behind two proxies"),
        pytest.param("10.0.0.1", ["10.0.0.9, 10.0.0.2"], "10.0.0.9", id="a client of our own network"),
        pytest.param("10.0.0.1", ["1.1.1.1, unknown"], "10.0.0.1", id="what is no address"),
        pytest.param("10.0.0.1", ["1.1.1.1:4711"], "1.1.1.1", id="with a port"),
        pytest.param("fd00::1", ["[2001:db8:1:2::5]:443"], "2001:db8:1:2::/64", id="IPv6 with a port"),
        pytest.param("2001:db8:1:2:aaaa::1", [], "2001:db8:1:2::/64", id="a network of IPv6 is one client"),
        pytest.param("2001:db8:1:2:bbbb::2", [], "2001:db8:1:2::/64", id="whatever its other half"),
        pytest.param("::ffff:10.0.0.1", ["1.1.1.1"], "1.1.1.1", id="a proxy on a socket of both families"),
        pytest.param("", [], NOWHERE, id="a socket without addresses"),
        pytest.param("", ["1.1.1.1"], NOWHERE, id="which is no proxy"),
        pytest.param("10.0.0.1", [""], "10.0.0.1", id="an empty header"),
        pytest.param("10.0.0.1", ["1.1.1.1,"], "10.0.0.1", id="an empty end"),
    ],
)
def test_the_rightmost_that_is_no_proxy_of_ours_asks(peer: str, forwarded: list[str], expected: str) -> None:
    assert asked_from(peer, [one.encode() for one in forwarded], PROXIES) == expected


def test_bytes_of_any_kind_are_no_address() -> None:
    assert asked_from("10.0.0.1", [bytes(range(256))], PROXIES) == "10.0.0.1"
