"""Whether a word is an address that a process can listen on. Pure: no name is looked up."""

from __future__ import annotations

import ipaddress
import re

# A last part of digits alone would be read as an IPv4 address in short, and `0` as every interface.
NAME = re.compile(r"(?=.{1,253}$)([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*(?!\d+$|0x)[A-Za-z0-9_-]{1,63}\.?")


def host_complaint(host: str) -> str | None:
    """What is wrong with it, and what to write; None for an IP address or a name."""
    if not host.strip():
        return "is empty: name an address to listen on; 127.0.0.1 is this machine alone, 0.0.0.0 every interface"
    if "://" in host:
        return f"takes an address, not a URL: {_shown(host)}"
    if host.startswith("[") and host.endswith("]"):
        return f"takes IPv6 addresses without brackets: {_shown(host[1:-1])}"
    if re.fullmatch(r"[^:]+:\d+", host):
        return f"takes no port: write {_shown(host.rpartition(':')[0])}, and the port apart"
    if _is_address(host) or NAME.fullmatch(host):
        return None
    return f"is no address and no name of a host: {_shown(host)}"


def _is_address(host: str) -> bool:
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False


def _shown(host: str) -> str:
    return ascii(host[:80])
