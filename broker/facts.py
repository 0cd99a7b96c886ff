"""What a server says of itself, and whether it can be a broker. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FLOOR = (7, 0)  # the scripts need their flags
CONFIRMS = (7, 2)  # Redis has WAITAOF since; Valkey always had it
TO_CONFIRM = "give it `appendonly yes` and Redis 7.2 or newer, or Valkey, and its front ends' user +waitaof"
NEWER = "Jitney needs Redis 7.0 or newer, or Valkey"
NO_EVICTION = "CONFIG SET maxmemory-policy noeviction, and the same in its configuration file"
LAST_WRITES = ("aof_last_write_status", "rdb_last_bgsave_status")


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """Why a server cannot be what it is wanted for."""

    said: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.said}: {self.remedy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the server says of itself. Where it may not be asked `kind` is empty."""

    kind: str = ""  # redis | valkey
    version: str = ""
    role: str = ""  # master | slave | sentinel
    mode: str = ""  # standalone | cluster | sentinel
    run_id: str = ""  # of this process of it
    primary: str = ""  # host:port, where a Sentinel or a replica tells
    policy: str = ""  # where it is not told, nothing is held against it
    memory: int = 0  # bytes in use
    max_memory: int = 0  # bytes; 0: no bound
    is_durable: bool = False  # it appends what it is told to a file
    is_writable: bool = True  # no write to its disk has failed
    databases: Sequence[str] = ()  # those that hold keys: db0, db1

    @property
    def unconfirmed(self) -> str:
        """Why it can never say that something is on its disk; empty where it can, or does not tell."""
        if self.kind == "redis" and _version(self.version) < CONFIRMS:
            return f"it is {self.kind} {self.version}, which has no WAITAOF"
        return "its append-only file is off" if self.kind and not self.is_durable else ""

    @property
    def is_too_old(self) -> bool:
        """It cannot run our scripts."""
        return _version(self.version) < FLOOR

    @property
    def misfit(self) -> Misfit | None:
        """Why it would lose jobs, or can hold none."""
        if self.mode == "sentinel":
            where = f", {self.primary}" if self.primary else ": SENTINEL MASTERS names it"
            return Misfit(said="it is a Sentinel, which holds no data", remedy=f"name the primary it watches{where}")
        if self.is_too_old:
            return Misfit(said=f"it is version {self.version}", remedy=NEWER)
        if self.may_evict:
            said = f"its maxmemory-policy is {self.policy}, which may evict waiting jobs"
            return Misfit(said=said, remedy=f"set it to noeviction ({NO_EVICTION})")
        return None

    @property
    def may_evict(self) -> bool:
        """It may throw waiting jobs away."""
        return self.policy not in ("", "noeviction")


def facts(info: Mapping[str, Any]) -> Facts:
    """Out of INFO."""
    is_valkey = "valkey_version" in info
    return Facts(
        kind="valkey" if is_valkey else "redis",
        version=str(info.get("valkey_version" if is_valkey else "redis_version", "0")),
        role=str(info.get("role", "")),
        mode=str(info.get("redis_mode") or info.get("server_mode", "")),
        run_id=str(info.get("run_id", "")),
        primary=_primary(info),
        policy=str(info.get("maxmemory_policy", "")),
        memory=int(info.get("used_memory", 0)),
        max_memory=int(info.get("maxmemory", 0)),
        is_durable=bool(info.get("aof_enabled", 0)),
        is_writable=all(info.get(what, "ok") == "ok" for what in LAST_WRITES),
        databases=[name for name in info if name.startswith("db") and name[2:].isdigit()],
    )


def _version(said: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", said)[:2])


def _primary(info: Mapping[str, Any]) -> str:
    """As a replica or a Sentinel tells it. A Sentinel may watch several: the first."""
    if "master_host" in info:
        return f"{info['master_host']}:{info.get('master_port', '')}"
    watched = info.get("master0")
    return str(watched.get("address", "")) if isinstance(watched, Mapping) else ""
