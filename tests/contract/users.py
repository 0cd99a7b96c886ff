"""The users of docs/acl/users.acl as tests need them: in any namespace, beside a default user who may do all."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from broker.admin.rights import Role

SHIPPED = Path(__file__).resolve().parents[2] / "docs" / "acl" / "users.acl"
TESTER = "user default on nopass ~* &* +@all"


def rules(namespace: str = "*") -> str:
    """What an aclfile holds; `*` is every namespace."""
    [off, *users] = SHIPPED.read_text().splitlines()
    assert off == "user default off"
    return "\n".join([TESTER, *users, ""]).replace("{default}", f"{{{namespace}}}")


def url_as(role: Role, url: str) -> str:
    """The same server, as this user."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"jitney-{role}:{role.upper()}-PASSWORD@{host}"))
