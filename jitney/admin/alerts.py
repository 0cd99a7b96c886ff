"""What in an overview somebody should look at. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from broker.admin.overview import BatcherOverview, HistoryOverview, ModelOverview, Overview
from broker.admin.sides import burdens, sides
from broker.admin.traffic import percent
from broker.contract import PRUNED_AFTER
from broker.history.contract import MOST_BLOCKS, MOST_BYTES
from broker.keys import PROTOCOL
from jitney.admin.tables import seconds

STALE = 3.0  # seconds after its expiry in which a live batcher takes a lease back
NO_WRITER = 30.0  # seconds without a beat of the history's writer
LATELY = 3600.0  # seconds in which rows of it were dropped
FORGOTTEN = f"after {PRUNED_AFTER:.0f} s"  # without a beat
WHY_DROPPED = "see that the broker is there and has room, and the writer keeps up: jitney_history_rows_total says why"
START = "start a batcher for it: python -m batcher --model SPEC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing, and what helps. A serious one leaves callers without an answer."""

    about: str
    said: str
    remedy: str
    is_serious: bool = True


def alerts(overview: Overview) -> list[Alert]:
    """None when all is well; serious ones first."""
    found = [alert for model in overview.models for alert in _of_model(model)]
    found += [_unreadable(entry) for entry in overview.unreadable]
    found += [_wrong_type(key) for key in overview.wrong_type]
    found += [_bad_limits(name, why) for name, why in overview.bad_limits.items()]
    found += [_on_trial(name) for name in overview.on_trial]
    found += [_bad_shares(name, why) for name, why in overview.bad_traffic.items()]
    found += [alert for name in overview.traffic for alert in _of_traffic(overview, name)]
    found += _called_alike(overview.models, overview.traffic)
    found += [_silent(one) for one in overview.batchers if not one.is_live]
    found += [_of_protocol(other) for other in overview.other_protocols]
    found += _of_history(overview.history)
    found += _unseen(overview)
    return sorted(found, key=lambda alert: not alert.is_serious)


def _silent(one: BatcherOverview) -> Alert:
    said, remedy = f"its last beat was {one.beat_age:.1f} s ago", f"see whether it runs; it is forgotten {FORGOTTEN}"
    if one.beat_age < 0:
        said = f"its last beat is stamped {-one.beat_age:.1f} s in the future, so front ends do not count on it"
        remedy = "its next beat mends this if the broker's clock was set back; else find what writes to the registry"
    return Alert(about=f"batcher {one.presence.batcher}", said=said, remedy=remedy, is_serious=False)


def _of_protocol(other: int) -> Alert:
    who = "an older" if other < PROTOCOL else "a newer"
    said = f"keys of protocol {other} are there: {who} deployment shares this namespace, or has left them behind"
    remedy = "nothing while one takes the other's place; docs/upgrade.md says how to tidy up behind it"
    return Alert(about="namespace", said=said, remedy=remedy, is_serious=False)


def _of_history(seen: HistoryOverview) -> Iterator[Alert]:
    """Nobody is left without an answer by it."""
    if seen.waiting and (not seen.writer or seen.beat_age > NO_WRITER):
        said, remedy = f"{seen.waiting} blocks wait, and no writer beats", "run jitney history run"
        yield Alert(about="history", said=said, remedy=remedy, is_serious=False)
    elif seen.error:
        remedy = "mend its database; rows wait at the broker meanwhile"
        yield Alert(about="history", said=f"its writer cannot write: {seen.error}", remedy=remedy, is_serious=False)
    share = max(seen.waiting / MOST_BLOCKS, seen.bytes / MOST_BYTES)
    if share > 0.5:
        said = f"its list is {share:.0%} full; rows are dropped when it has no room"
        yield Alert(about="history", said=said, remedy="see whether its writer keeps up", is_serious=False)
    if seen.dropped_age is not None and seen.dropped_age < LATELY:
        said = f"{seen.dropped} rows were dropped, the last ones {seconds(seen.dropped_age)} ago"
        yield Alert(about="history", said=said, remedy=WHY_DROPPED, is_serious=False)


def _unseen(overview: Overview) -> Iterator[Alert]:
    if overview.left_out:
        said = f"{overview.left_out} more have keys here and are not shown"
        remedy = "these are very many: find what writes to this namespace"
        yield Alert(about="models", said=said, remedy=remedy, is_serious=False)
    if not overview.is_complete:
        said = "this server holds very many keys: models that nobody announces may be missing here"
        remedy = "give Jitney a server of its own; jitney dead list looks through all keys"
        yield Alert(about="models", said=said, remedy=remedy, is_serious=False)


def _unreadable(entry: str) -> Alert:
    return Alert(
        about=entry,
        said="its entry in the registry cannot be read",
        remedy=f"restart its batcher; an entry of nobody's is removed {FORGOTTEN}",
    )


def _wrong_type(key: str) -> Alert:
    return Alert(
        about=f"key {key}",
        said="it holds something else than Jitney keeps there",
        remedy=f"find what writes to this namespace, then delete the key: redis-cli DEL '{key}'",
    )


def _bad_limits(name: str, why: str) -> Alert:
    said = f"its live limits are ignored, or a part of them: {why}"
    remedy = f"HSET the key limits:{name} anew, or DEL it: batchers then go by their configuration"
    return Alert(about=f"model {name}", said=said, remedy=remedy, is_serious=False)


def _bad_shares(name: str, why: str) -> Alert:
    said, remedy = f"its shares of traffic are ignored: {why}", f"jitney traffic {name} --clear, or set them anew"
    return Alert(about=f"model {name}", said=said, remedy=remedy, is_serious=False)


def _of_traffic(overview: Overview, name: str) -> Iterator[Alert]:
    """Nobody is left without an answer by it."""
    for side in sides(overview, name):
        if side.parts and not side.batchers:
            said = f"{percent(side.parts)} of its requests are meant for {side.revision}, which has no live batcher"
            remedy = f"the others get them: start a batcher of it, or jitney traffic {name} --clear"
            yield Alert(about=f"model {name}", said=said, remedy=remedy, is_serious=False)
    for one in burdens(overview, name):
        revisions, is_one = ", ".join(one.revisions), len(one.revisions) == 1
        carried = f"{revisions} {'carries' if is_one else 'carry'} {one.rate:.0f} jobs a second"
        full = f"beyond {one.most:.0f} a second in all {'it is' if is_one else 'they are'} full"
        said = f"{carried} and {'is' if is_one else 'are'} given {percent(one.parts)}: {full}"
        helps = f"start more batchers of {'it' if is_one else 'them'}, or change the shares (jitney traffic {name})"
        remedy = f"others take the rest, up to {one.total:.0f}: {helps}"
        yield Alert(about=f"model {name}", said=said, remedy=remedy, is_serious=False)


def _on_trial(name: str) -> Alert:
    said = "its live limits are those that a sweep tries"
    remedy = f"where none runs: python -m benchmarks sweep --restore --model {name}"
    return Alert(about=f"model {name}", said=said, remedy=remedy, is_serious=False)


def _called_alike(models: Sequence[ModelOverview], shared_out: Collection[str]) -> Iterator[Alert]:
    """Live models of one name: of two tasks only one is served; two revisions may be a rollout, and are meant where
    their traffic is shared out."""
    named: dict[str, list[ModelOverview]] = {}
    for model in models:
        if model.card is not None and model.batchers:
            named.setdefault(model.card.name, []).append(model)
    for name, alike in named.items():
        tasks = sorted({model.card.task for model in alike if model.card})
        if len(tasks) > 1:
            said = f"batchers of two tasks are called so ({' and '.join(tasks)}): front ends serve one of them only"
            yield Alert(about=f"model {name}", said=said, remedy="start the others with a --name of their own")
        elif len(alike) > 1 and name not in shared_out:
            said = f"{len(alike)} revisions of it live: {', '.join(model.key for model in alike)}"
            remedy = "nothing, in a rollout; two different models want a --name each"
            yield Alert(about=f"model {name}", said=said, remedy=remedy, is_serious=False)


def _of_model(model: ModelOverview) -> Iterator[Alert]:
    about = f"model {model.key}"
    if model.waiting and not model.batchers:
        yield Alert(about=about, said=f"{model.waiting} jobs wait and no batcher serves them", remedy=START)
    elif model.card is not None and not model.batchers:
        said = "no batcher serves it; front ends answer 503"
        yield Alert(about=about, said=said, remedy=START, is_serious=False)
    if model.leases.batches and model.leases.soonest_expiry < -STALE:
        said = f"a lease ended {-model.leases.soonest_expiry:.0f} s ago and nobody has taken its jobs back"
        yield Alert(about=about, said=said, remedy=START + "; it does so within two seconds")
    if model.dead > 0:
        said = f"{model.dead} dead letter{'s' if model.dead > 1 else ''}: jobs that crashed a batcher three times"
        remedy = "jitney dead list shows them, jitney dead drop forgets them"
        yield Alert(about=about, said=said, remedy=remedy, is_serious=False)
