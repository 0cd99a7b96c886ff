"""Whose predictions, files and batches are whose: another's are as if they were not there. Pure."""

from __future__ import annotations

from server.callers.caller import ANONYMOUS, Caller


def owner_of(caller: Caller) -> str:
    """What is written beside what this one makes; empty where nobody is asked who they are: then it is everybody's."""
    return "" if caller is ANONYMOUS else caller.id


def sees_all(caller: Caller) -> bool:
    return caller is ANONYMOUS or "admin" in caller.rights


def sees(caller: Caller, owner: str) -> bool:
    """Whether it is there for this one."""
    return sees_all(caller) or caller.id == owner
