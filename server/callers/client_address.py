"""From which address a client asks, when proxies stand before us. Pure.

Each proxy writes behind what it got in X-Forwarded-For whom it heard that from. What a client has written itself stands
to the left of that, so the list is read from its right end, as far as the proxies are ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv6Network, ip_address

from server.webhooks.addresses import Address, Network, unmapped

HOME = 64  # bits of an IPv6 address that one customer has for itself
WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+")
NOWHERE = "nowhere"  # of a socket without addresses


def asked_from(peer: str, forwarded: Iterable[bytes], proxies: Sequence[Network]) -> str:
    """Whose limits a request counts for: an IPv4 address, or an IPv6 network. `forwarded`: every X-Forwarded-For."""
    found = _read(peer)
    for said in _from_the_right(forwarded):
        if found is None or not _is_in(found, proxies):
            break
        before = _read(said)
        if before is None:  # one of ours that writes what is no address: nobody is behind it that we know
            break
        found = before
    return NOWHERE if found is None else _home(found)


def _from_the_right(forwarded: Iterable[bytes]) -> Iterator[str]:
    said = b",".join(forwarded).decode("latin-1")
    return (one.strip() for one in reversed(said.split(","))) if said else iter(())


def _read(text: str) -> Address | None:
    bare = WITH_PORT.fullmatch(text)
    try:
        return unmapped(ip_address((bare[1] or bare[2]) if bare else text))
    except ValueError:
        return None


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _home(address: Address) -> str:
    if address.version == 4:
        return str(address)
    return str(IPv6Network((int(address), HOME), strict=False))
