"""Who asks, as far as a request is concerned: what its key allows, and which turn it has."""

from __future__ import annotations

from fnmatch import fnmatchcase

from msgspec import Struct

from broker.messages import Lane, Policy
from server.errors import Problem

EVERY_MODEL = ("*",)
EVERY_LANE = frozenset(Lane)
NOT_OF_ADMINS = frozenset({"history"})  # it may show texts: who is to read them is said in so many words


class Caller(Struct, frozen=True, kw_only=True):
    """Whose key came with a request. Its id names it in logs, metrics and counters; the key itself is kept nowhere."""

    id: str = "anonymous"
    list: int = 0  # of a lane, 0 to 7: callers of one list share its turns
    weight: int = 1  # 1 to 9: how much of a batch that list gets beside others
    policies: tuple[Policy, ...] = ()
    models: tuple[str, ...] = EVERY_MODEL  # names with * and ?
    lanes: frozenset[Lane] = EVERY_LANE
    # infer; files: also files and batches; history: what is kept of its requests; admin: all but history, what is
    # everybody's, and internals
    rights: frozenset[str] = frozenset({"infer"})

    def may_use(self, model: str) -> bool:
        return self.models is EVERY_MODEL or any(fnmatchcase(model, name) for name in self.models)

    def check_model(self, model: str) -> None:
        """Raises `Problem` (not_allowed)."""
        if self.models is not EVERY_MODEL and not self.may_use(model):
            raise Problem("not_allowed", f"This key may not use the model {model!r}.")

    def check_lane(self, lane: Lane) -> None:
        """Raises `Problem` (not_allowed)."""
        if lane not in self.lanes:
            raise Problem("not_allowed", f"This key may not use the lane {lane.value!r}.")

    def check_right(self, right: str) -> None:
        """Raises `Problem` (not_allowed)."""
        if right not in self.rights and (right in NOT_OF_ADMINS or "admin" not in self.rights):
            raise Problem("not_allowed", f"This key lacks the right {right!r}.")


ANONYMOUS = Caller()  # whose request came without a key, while none is asked for
