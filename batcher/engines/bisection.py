"""After a computation that raised: its jobs run again in ever smaller groups, until the cause is alone. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from broker.messages import Job


class HasJob(Protocol):
    @property
    def job(self) -> Job: ...


Item = TypeVar("Item", bound=HasJob)


class Bisection(Generic[Item]):
    """One search at a time: groups that each run alone, in order. It begins with these groups, or with `open`.

    The cause among n is alone after ⌈log₂ n⌉ halvings, and by then another half has been answered. Twice that and two
    more failures without one answer therefore mean that the model is broken, not the inputs: then all are lost.
    """

    def __init__(self, groups: Iterable[Sequence[Item]] = ()) -> None:
        self._groups = deque(groups)
        self._running: set[str] = set()  # job ids of the group that runs
        self._begin(len(self))

    def _begin(self, jobs: int) -> None:
        self._failures_left = 2 * (jobs - 1).bit_length() + 2  # bit_length of n - 1 is ⌈log₂ n⌉
        self._has_answers = False

    def __bool__(self) -> bool:
        """Whether a search goes on."""
        return bool(self._running or self._groups)

    def __len__(self) -> int:
        """Jobs in groups that have not run yet."""
        return sum(map(len, self._groups))

    def open(self, suspects: Sequence[Item], *, says_broken: bool = True) -> list[Item]:
        """These ran together and raised: their halves run next. Returns those that are lost: one that was alone; or
        all, when nothing but failures has come of so many tries. `says_broken`: whether this one counts among them.
        """
        if not self:
            self._begin(len(suspects))
        self._running.clear()
        alone = list(suspects) if len(suspects) == 1 else []
        if not alone:
            self._groups.extendleft(reversed(halves(suspects)))
        return alone + self._failed() if says_broken else alone

    def repack(
        self, suspects: Sequence[Item], pack: Callable[[Sequence[Item]], Iterable[Sequence[Item]]]
    ) -> list[Item]:
        """These did not fit together: they and all that wait are cut anew, each group by itself. Returns as `open`."""
        self._running.clear()
        self._groups = deque(part for group in (suspects, *self._groups) for part in pack(group))
        return self._failed()

    def next_group(self) -> Sequence[Item]:
        """The next to run, alone; empty while one runs still."""
        if self._running or not self._groups:
            return ()
        group = self._groups.popleft()
        self._running = {item.job.id for item in group}
        return group

    def ended(self, ids: Collection[str]) -> None:
        """These came to an answer. From now on each job is tried until it is alone."""
        self._has_answers = self._has_answers or not self._running.isdisjoint(ids)
        self.drop(ids)

    def drop(self, ids: Collection[str]) -> None:
        """These are not held any more."""
        self._running.difference_update(ids)
        kept = ([item for item in group if item.job.id not in ids] for group in self._groups)
        self._groups = deque(group for group in kept if group)

    def _failed(self) -> list[Item]:
        """Who is lost by one more failure."""
        self._failures_left -= 1
        if self._has_answers or self._failures_left > 0:
            return []
        lost = [item for group in self._groups for item in group]
        self._groups.clear()
        return lost


def halves(group: Sequence[Item]) -> tuple[Sequence[Item], Sequence[Item]]:
    """Two parts of a group of two or more, neither empty."""
    middle = len(group) // 2
    return group[:middle], group[middle:]
