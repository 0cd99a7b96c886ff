"""The address of a receiver, as its client writes it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from server.errors import Problem
from server.settings import ServerSettings
from server.webhooks.addresses import Network, are_allowed, may_be_reached, networks_in

NO_WEBHOOKS = "Jitney-Webhook: this server sends no webhooks (--webhooks on)."
LONGEST = 2_048  # characters of an address
PORTS = {"https": 443, "http": 80}
PRINTABLE = re.compile(r"[!-\[\]-~]+")  # ASCII without spaces, and without the backslash that some take for a slash


@dataclass(frozen=True, slots=True)
class Receiver:
    """Whom to tell."""

    url: str
    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """As the header `Host` has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def receiver_from(url: str, allowed: Sequence[Network]) -> Receiver:
    """Raises `Problem` (malformed) for what no webhook can be sent to; names are looked up only when it is sent."""
    found = _parsed(url)
    if found is None or (found.scheme == "http" and not allowed):
        kinds = "https:// or http://" if allowed else "https://"
        raise Problem("malformed", f"Jitney-Webhook must be an {kinds} address without user and fragment")
    try:
        ip_address(found.host)
    except ValueError:
        return found  # a name
    if not is_reachable(found, [found.host], allowed):
        raise Problem("malformed", "Jitney-Webhook names an address that this server does not send to.")
    return found


def url_from(header: bytes | None, settings: ServerSettings) -> str:
    """Whom a request wants told, by its `Jitney-Webhook`; empty: nobody. Raises `Problem` (malformed)."""
    if header is None:
        return ""
    if not settings.webhooks:
        raise Problem("malformed", NO_WEBHOOKS)
    return receiver_from(header.strip().decode("latin-1"), networks_in(settings.webhook_allow)).url


def is_reachable(receiver: Receiver, addresses: Sequence[str], allowed: Sequence[Network]) -> bool:
    """Whether a webhook may be sent to this receiver, which has these addresses. Without TLS only to allowed ones."""
    if receiver.scheme == "http":
        return are_allowed(addresses, allowed)
    return may_be_reached(addresses, allowed)


def _parsed(url: str) -> Receiver | None:
    if len(url) > LONGEST or not PRINTABLE.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in PORTS or not host or "%" in host or "@" in parts.netloc or "#" in url:
        return None
    return Receiver(url, parts.scheme, host, PORTS[parts.scheme] if port is None else port)
