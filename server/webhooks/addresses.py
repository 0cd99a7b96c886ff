"""Which addresses a webhook may be sent to: those of the open internet, and those that an operator allows. Pure.

A client names the receiver, so a front end could be made to ask the machines beside it, or a cloud's metadata service.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

EMBEDDING = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))  # their last 32 bits are an IPv4 address
GLOBAL_IPV6 = IPv6Network("2000::/3")
# Refused whatever this Python's `is_global` says of them: it has changed its mind from release to release.
NEVER: Sequence[Network] = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv4Network("198.18.0.0/15"),
    IPv4Network("224.0.0.0/4"),
    IPv4Network("240.0.0.0/4"),
    IPv6Network("2001::/23"),  # Teredo and other protocols
    IPv6Network("2002::/16"),  # 6to4: an IPv4 address in the middle
)


def networks_in(text: str) -> tuple[Network, ...]:
    """`10.0.0.0/8 fd00::/8`. Raises `ValueError`."""
    return tuple(ip_network(word) for word in text.replace(",", " ").split())


def unmapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for."""
    if isinstance(address, IPv6Address) and any(address in network for network in EMBEDDING):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def are_allowed(addresses: Sequence[str], allowed: Sequence[Network]) -> bool:
    """Whether an operator allows every one of them by name."""
    return bool(addresses) and all(_is_in(unmapped(ip_address(one)), allowed) for one in addresses)


def may_be_reached(addresses: Sequence[str], allowed: Sequence[Network]) -> bool:
    """Whether every one is of the open internet, or allowed: one bad address of a name spoils them all."""
    found = [unmapped(ip_address(one)) for one in addresses]
    return bool(found) and all(_is_open(one) or _is_in(one, allowed) for one in found)


def _is_open(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in GLOBAL_IPV6:
        return False
    return address.is_global and not address.is_multicast and not _is_in(address, NEVER)


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
