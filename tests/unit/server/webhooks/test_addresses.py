"""A webhook goes to addresses of the open internet, and to those that an operator allows."""

from __future__ import annotations

import pytest

from server.webhooks.addresses import are_allowed, may_be_reached, networks_in

OPEN = ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946"]
CLOSED = [
    pytest.param("127.0.0.1", id="this machine"),
    pytest.param("0.0.0.0", id="any address of this machine"),
    pytest.param("10.1.2.3", id="private"),
    pytest.param("172.16.0.1", id="private, of containers"),
    pytest.param("192.168.1.1", id="private, at home"),
    pytest.param("169.254.169.254", id="metadata of a cloud"),
    pytest.param("100.64.0.1", id="behind a carrier"),
    pytest.param("198.18.0.1", id="benchmarks"),
    pytest.param("192.0.0.8", id="protocols"),
    pytest.param("224.0.0.1", id="multicast"),
    pytest.param("240.0.0.1", id="reserved"),
    pytest.param("255.255.255.255", id="broadcast"),
    pytest.param("::1", id="this machine, IPv6"),
    pytest.param("::", id="any, IPv6"),
    pytest.param("::127.0.0.1", id="IPv4-compatible"),
    pytest.param("::ffff:10.0.0.1", id="mapped private"),
    pytest.param("64:ff9b::7f00:1", id="NAT64 of this machine"),
    pytest.param("64:ff9b:1::a00:1", id="NAT64 of a site"),
    pytest.param("2002:7f00:1::", id="6to4 of this machine"),
    pytest.param("2001:0:7f00:1::", id="Teredo"),
    pytest.param("fd00::1", id="unique local"),
    pytest.param("fe80::1%lo", id="link-local"),
    pytest.param("fec0::1", id="site-local"),
    pytest.param("ff02::1", id="multicast, IPv6"),
    pytest.param("2001:db8::1", id="documentation"),
]


@pytest.mark.parametrize("address", OPEN)
def test_the_open_internet_may_be_reached(address: str) -> None:
    assert may_be_reached([address], [])


@pytest.mark.parametrize("address", CLOSED)
def test_nothing_else_may(address: str) -> None:
    assert not may_be_reached([address], [])


@pytest.mark.parametrize("address", ["64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_an_address_that_stands_for_an_open_one_may(address: str) -> None:
    assert may_be_reached([address], [])


def test_one_bad_address_of_a_name_spoils_them_all() -> None:
    assert not may_be_reached(["8.8.8.8", "10.0.0.1"], [])
    assert not may_be_reached([], [])


def test_what_an_operator_allows_may_be_reached_and_nothing_beside_it() -> None:
    allowed = networks_in("10.0.0.0/8, fd00::/8")

    assert may_be_reached(["10.1.1.1", "::ffff:10.0.0.1", "fd00::1", "8.8.8.8"], allowed)
    assert not may_be_reached(["10.1.1.1", "192.168.0.1"], allowed)
    assert (are_allowed(["10.1.1.1"], allowed), are_allowed(["10.1.1.1", "8.8.8.8"], allowed)) == (True, False)
