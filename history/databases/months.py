"""Which months the history has room for, and what it no longer keeps. Pure; all in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

AHEAD = 2  # months that are made before they come: whoever makes them may be away for one
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # nothing is older
SECOND = 1_000_000  # microseconds


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """One of the calendar's."""

    year: int
    month: int

    @property
    def start(self) -> datetime:
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    def later(self, months: int) -> Month:
        """So many months after this one; before it for a negative number."""
        count = self.year * 12 + self.month - 1 + months
        return Month(count // 12, count % 12 + 1)

    def __str__(self) -> str:
        return f"{self.year:04}_{self.month:02}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The months that rows may lie in, and from when on they are kept."""

    first: Month
    last: Month
    kept_from: datetime

    @property
    def months(self) -> list[Month]:
        found = [self.first]
        while found[-1] < self.last:
            found.append(found[-1].later(1))
        return found

    def clamp(self, at: int) -> int:
        """The nearest moment within these months, in microseconds since 1970: the same one for a whole month, so that
        a row that comes twice is found again."""
        return max(micros(self.first.start), min(at, micros(self.last.later(1).start) - 1))


def span_of(now: float, keep: float) -> Span:
    """At `now`, in seconds since 1970, where rows are kept for `keep` seconds."""
    moment = datetime.fromtimestamp(now, UTC)
    kept_from = moment - min(timedelta(seconds=keep), moment - EPOCH)
    this = _month_of(moment)
    return Span(first=max(_month_of(kept_from), this.later(-1)), last=this.later(AHEAD), kept_from=kept_from)


def _month_of(moment: datetime) -> Month:
    return Month(moment.year, moment.month)


def micros(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND
