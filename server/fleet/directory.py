"""Which models live, by card: what one look at the broker means. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count

from broker.messages import Announcement, Fleet, ModelCard
from server.codecs.contract import Codec
from server.errors import Problem, retry_after
from server.fleet.capacity import UNKNOWN, Capacity
from server.fleet.defaults import choose_defaults
from server.fleet.name_conflicts import rivals, split_by_owner
from server.fleet.weighted_choice import choose

SHOWN = 200  # characters of a name that an answer repeats


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
    turns: Iterator[int] = field(default_factory=count)  # numbers the requests that are shared out among these
    listed: Mapping[str, Listed] = field(default_factory=dict)  # by name
    known: frozenset[str] = frozenset()  # names
    live: frozenset[str] = frozenset()  # cards' keys with a batcher behind them
    fixed: Mapping[str, str] = field(default_factory=dict)  # by task: the model that a setting names as the default
    defaults: Mapping[str, str] = field(default_factory=dict)  # by task: the one that was there first
    rivals: Mapping[str, Sequence[ModelCard]] = field(default_factory=dict)  # by name: where several live, these
    turned_away: Sequence[ModelCard] = ()  # with batchers, but their name belongs to another task
    missing_since: Mapping[str, float] = field(default_factory=dict)  # by name: known, and not callable
    since: float = 0.0  # seconds, the caller's clock: the first look

    def named(self, name: str, now: float) -> Served:
        """The model of this name. Raises `Problem`: nobody knows it, or nobody computes for it now."""
        if name in self.served:
            return self._next_revision(name)
        if self.listed and name not in self.known:  # without any card nobody can say that there is no such model
            raise Problem("unknown_model", f"There is no model {name[:SHOWN]!r}. {_live_models(self.served)}")
        away = now - self.missing_since.get(name, self.since)
        raise Problem("no_batcher", f"No batcher serves {name[:SHOWN]!r} at the moment.", retry_after=retry_after(away))

    def for_task(self, task: str, name: str | None, now: float) -> Served:
        """The model of this task: the named one, else the default and never another in its place. Raises `Problem`."""
        if name is not None:
            return self._named_for_task(task, name, now)
        default = self.default(task)
        if default is None or not self.is_served(task, default):
            since = self._missing_since(task) if default is None else self.missing_since.get(default, self.since)
            raise Problem("no_batcher", self._why_none(task, default), retry_after=retry_after(now - since))
        return self._next_revision(default)

    def _next_revision(self, name: str) -> Served:
        """While several revisions live, a request goes whole to one of them."""
        revisions = self.revisions[name]
        return revisions[0] if len(revisions) == 1 else choose(revisions, next(self.turns))

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

    def _named_for_task(self, task: str, name: str, now: float) -> Served:
        listed = self.listed.get(name)
        if listed is not None and listed.card.task != task:
            others = [served.card.name for served in self.served.values() if served.card.task == task]
            said = f"Model {name!r} is for {listed.card.task}, not for {task}."
            raise Problem("unknown_model", f"{said} {_live_models(others)}")
        return self.named(name, now)

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
            turns=self.turns,
            listed=listed,
            known=known,
            live=frozenset(one.card.key for one in fleet.announcements if one.batchers),
            fixed=self.fixed,
            defaults=defaults,
            rivals=rivals(kept),
            turned_away=[one.card for one in turned_away if one.batchers],
            missing_since={name: self.missing_since.get(name, now) for name in known - served.keys()},
            since=self.since or now,
        )


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
