"""Which models live, by card: what one look at the broker means. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count

from broker.messages import Announcement, Fleet, ModelCard, Traffic
from server.callers.caller import ANONYMOUS
from server.codecs.contract import Codec
from server.errors import Problem, retry_after
from server.fleet.capacity import UNKNOWN, Capacity
from server.fleet.defaults import choose_defaults
from server.fleet.name_conflicts import rivals, split_by_owner
from server.fleet.shares import choose_shared, overflow, place_of_caller, place_of_turn
from server.fleet.weighted_choice import choose

SHOWN = 200  # characters of a name that an answer repeats
AT = "@"  # between a name and a revision: no name has it
MOST_GONE = 1_000  # revisions that are remembered though they have gone: a new one every hour for six weeks


@dataclass(frozen=True, kw_only=True, eq=False)
class Served:
    """A revision of a model that can be called: it has batchers, and its codec is ready."""

    card: ModelCard
    codec: Codec
    capacity: Capacity = UNKNOWN
    token_capacity: Capacity = UNKNOWN  # the same, in tokens
    room: int = 1  # jobs that its batchers take at once

    @cached_property
    def key(self) -> str:
        """The card's, made once for many requests."""
        return self.card.key

    @cached_property
    def header(self) -> bytes:
        """The same, as `Jitney-Model` says it."""
        return self.key.encode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A model as the public list shows it, callable or not."""

    card: ModelCard
    status: str  # live | loading | gone
    batchers: int = 0  # of all revisions
    revisions: Sequence[Listed] = ()  # those with batchers, newest first, each with its own
    announced: float = 0.0  # when this revision first appeared: seconds, the broker's clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """The models of this namespace at one moment. Names are never forgotten: gone is not the same as unknown."""

    served: Mapping[str, Served] = field(default_factory=dict)  # by name: the newest that can be called
    revisions: Mapping[str, Sequence[Served]] = field(default_factory=dict)  # by name: all that can, newest first
    traffic: Mapping[str, Traffic] = field(default_factory=dict)  # by name, where an operator has shared it out
    turns: Iterator[int] = field(default_factory=count)  # numbers the requests that are shared out among these
    listed: Mapping[str, Listed] = field(default_factory=dict)  # by name
    known: frozenset[str] = frozenset()  # names
    known_keys: Mapping[str, None] = field(default_factory=dict)  # of cards; those that went first come first
    live: frozenset[str] = frozenset()  # cards' keys with a batcher behind them
    fixed: Mapping[str, str] = field(default_factory=dict)  # by task: the model that a setting names as the default
    defaults: Mapping[str, str] = field(default_factory=dict)  # by task: the one that was there first
    rivals: Mapping[str, Sequence[ModelCard]] = field(default_factory=dict)  # by name: where several live, these
    turned_away: Sequence[ModelCard] = ()  # with batchers, but their name belongs to another task
    missing_since: Mapping[str, float] = field(default_factory=dict)  # by name: known, and not callable
    since: float = 0.0  # seconds, the caller's clock: the first look

    def named(self, name: str, now: float, caller: str = "") -> Served:
        """The model of this name, or of this `name@revision`. Raises `Problem`: nobody knows it, or nobody computes for
        it now."""
        name, _, revision = name.partition(AT)
        if name in self.served:
            return self._revision_named(name, revision, now) if revision else self._next_revision(name, caller)
        if self.listed and name not in self.known:  # without any card nobody can say that there is no such model
            raise Problem("unknown_model", f"There is no model {name[:SHOWN]!r}. {_live_models(self.served)}")
        away = now - self.missing_since.get(name, self.since)
        said, known = f"No batcher serves {name[:SHOWN]!r} at the moment.", name if name in self.known else ""
        raise Problem("no_batcher", said, retry_after=retry_after(away), unserved=known)

    def _revision_named(self, name: str, revision: str, now: float) -> Served:
        live = self.revisions[name]
        for one in live:
            if one.card.revision == revision:
                return one
        those = f"These live: {', '.join(one.key for one in live)}."
        if (known := f"{name}{AT}{revision}") not in self.known_keys:
            raise Problem("unknown_model", f"There is no revision {known[:SHOWN]!r}. {those}")
        wait = retry_after(0.0)
        raise Problem("no_batcher", f"No batcher serves {known!r} at the moment. {those}", retry_after=wait)

    def newest(self, name: str) -> Served | None:
        """The newest live revision of the model of this name, or of this `name@revision`."""
        return self.served.get(name.partition(AT)[0])

    def entry(self, name: str) -> Listed | None:
        """What the public list says of this name, or of this `name@revision`."""
        return self.listed.get(name.partition(AT)[0])

    def for_task(self, task: str, name: str | None, now: float, caller: str = "") -> Served:
        """The model of this task: the named one, else the default and never another in its place. Raises `Problem`."""
        if name is not None:
            return self._named_for_task(task, name, now, caller)
        default = self.default(task)
        if default is None or not self.is_served(task, default):
            since = self._missing_since(task) if default is None else self.missing_since.get(default, self.since)
            wait, missed = retry_after(now - since), default or ""
            raise Problem("no_batcher", self._why_none(task, default), retry_after=wait, unserved=missed)
        return self._next_revision(default, caller)

    def _next_revision(self, name: str, caller: str = "") -> Served:
        """While several revisions live, a request goes whole to one of them."""
        revisions = self.revisions[name]
        if len(revisions) == 1:
            return revisions[0]
        if not self.traffic or (traffic := self.traffic.get(name)) is None:
            return choose(revisions, next(self.turns))
        is_at_home = traffic.sticky and caller not in ("", ANONYMOUS.id)
        place = place_of_caller(name, caller) if is_at_home else place_of_turn(next(self.turns))
        return choose_shared(revisions, traffic, place)

    def overflow(self, name: str, full: Collection[str]) -> Served | None:
        """Which revision takes what these cannot, where an operator has shared out the model's requests."""
        traffic, revisions = self.traffic.get(name), self.revisions.get(name, ())
        return overflow(revisions, traffic, full, next(self.turns)) if traffic else None

    def is_served(self, task: str, name: str) -> bool:
        """Whether this model can be called, and for this task."""
        return name in self.served and self.served[name].card.task == task

    def default(self, task: str) -> str | None:
        """Which model answers for this task when a request names none; None before any was there."""
        return self.fixed.get(task) or self.defaults.get(task)

    def _why_none(self, task: str, default: str | None) -> str:
        others = [served.card.name for served in self.served.values() if served.card.task == task]
        if default is None or not others:
            return f"No batcher does {task} at the moment."
        return (
            f"The default model of {task}, {default!r}, has no batcher at the moment, and no other answers in its"
            f' place. {_live_models(others)} Name one in the payload ("model"), or have an operator choose another'
            " default (jitney default)."
        )

    def _named_for_task(self, task: str, name: str, now: float, caller: str) -> Served:
        listed = self.entry(name)
        if listed is not None and listed.card.task != task:
            others = [served.card.name for served in self.served.values() if served.card.task == task]
            said = f"Model {name!r} is for {listed.card.task}, not for {task}."
            raise Problem("unknown_model", f"{said} {_live_models(others)}")
        return self.named(name, now, caller)

    def _missing_since(self, task: str) -> float:
        names = (name for name, listed in self.listed.items() if listed.card.task == task)
        return max((self.missing_since[name] for name in names), default=self.since)

    def successor(self, card: ModelCard) -> Served | None:
        """Which revision takes over from this one; None while it has a batcher itself, or where no other has one."""
        if card.key in self.live or not self.is_served(card.task, card.name):
            return None
        return self._next_revision(card.name)

    def updated(self, fleet: Fleet, codecs: Mapping[str, Codec], now: float) -> Directory:
        """The directory after the next look; `codecs` are the ready ones, by card key."""
        kept, turned_away = split_by_owner(fleet.announcements)
        best_last = sorted(kept, key=lambda one: (_callable(one, codecs), bool(one.batchers), one.announced))
        revisions: dict[str, list[Served]] = {}
        for one in reversed(best_last):
            if _callable(one, codecs):
                revisions.setdefault(one.card.name, []).append(_served(one, codecs))
        served = {name: newest for name, (newest, *_) in revisions.items()}
        gone = {name: replace(entry, status="gone", batchers=0, revisions=()) for name, entry in self.listed.items()}
        listed = gone | _by_name([_listed(one, codecs) for one in best_last])
        defaults = choose_defaults(kept, fleet.defaults, self.defaults)
        known = self.known | fleet.known_names | listed.keys() | {*defaults.values(), *self.fixed.values()}
        return Directory(
            served=served,
            revisions=revisions,
            traffic=fleet.traffic,
            turns=self.turns,
            listed=listed,
            known=known,
            known_keys=_remembered(self.known_keys, [one.card.key for one in fleet.announcements]),
            live=frozenset(one.card.key for one in fleet.announcements if one.batchers),
            fixed=self.fixed,
            defaults=defaults,
            rivals=rivals(kept),
            turned_away=[one.card for one in turned_away if one.batchers],
            missing_since={name: self.missing_since.get(name, now) for name in known - served.keys()},
            since=self.since or now,
        )


def _remembered(known: Iterable[str], seen: Collection[str]) -> dict[str, None]:
    there = set(seen)
    gone = [key for key in known if key not in there]
    return dict.fromkeys([*gone[-MOST_GONE:], *seen])


def _callable(one: Announcement, codecs: Mapping[str, Codec]) -> bool:
    return bool(one.batchers) and one.card.key in codecs


def _served(one: Announcement, codecs: Mapping[str, Codec]) -> Served:
    tokens = Capacity.in_tokens(one.batchers)
    room = sum(max(batcher.room, 1) for batcher in one.batchers)
    codec, capacity = codecs[one.card.key], Capacity.of(one.batchers)
    return Served(card=one.card, codec=codec, capacity=capacity, token_capacity=tokens, room=room)


def _listed(one: Announcement, codecs: Mapping[str, Codec]) -> Listed:
    status = "live" if _callable(one, codecs) else "loading" if one.batchers else "gone"
    return Listed(card=one.card, status=status, batchers=len(one.batchers), announced=one.announced)


def _by_name(best_last: Sequence[Listed]) -> dict[str, Listed]:
    """The best revision of each name, and with it all those that have batchers."""
    found: dict[str, list[Listed]] = {}
    for one in reversed(best_last):
        found.setdefault(one.card.name, []).append(one)
    return {name: _together(revisions) for name, revisions in found.items()}


def _together(revisions: Sequence[Listed]) -> Listed:
    with_batchers = [one for one in revisions if one.batchers]
    return replace(revisions[0], batchers=sum(one.batchers for one in revisions), revisions=with_batchers)


def _live_models(names: Iterable[str]) -> str:
    return f"Live models: {', '.join(sorted(names)) or 'none'}."
