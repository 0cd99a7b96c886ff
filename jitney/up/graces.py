"""How long a child may take to end: what it holds is finished first, within its own settings. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from jitney.up.plan import Role

OTHERS = 30.0  # seconds, of a process that holds no request and no batch
SLACK = 15.0  # seconds beyond what it allows itself
# What front ends and batchers run with where nothing is said. They are theirs: a test holds these to them.
DRAIN_SECONDS, MAX_TIMEOUT, MAX_STEP = 5.0, 600.0, 60.0


def grace_of(role: Role, environ: Mapping[str, str]) -> float:
    """Seconds between SIGTERM and SIGKILL, by the environment that it has."""
    if role is Role.FRONT_END:
        drain = _seconds(environ, "JITNEY_DRAIN_SECONDS", DRAIN_SECONDS)
        return drain + _seconds(environ, "JITNEY_MAX_TIMEOUT", MAX_TIMEOUT) + SLACK
    if role is Role.BATCHER:
        return _seconds(environ, "JITNEY_MAX_STEP", MAX_STEP) + 2 * SLACK
    return OTHERS


def _seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    try:
        return float(environ[name])
    except (KeyError, ValueError):  # a process that cannot read it ends by itself
        return default
