"""What the scripts for people answer, read into an overview. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from broker.admin.callers import callers_seen
from broker.admin.overview import (
    BatcherOverview,
    HistoryOverview,
    LaneOverview,
    LeaseOverview,
    Letter,
    Letters,
    ModelOverview,
    Overview,
    PredictionsOverview,
    WebhooksOverview,
    WebhookTry,
)
from broker.contract import PRESENCE_TTL
from broker.errors import WireError
from broker.header import STAMP, number, text
from broker.messages import Lane, Limits, ModelCard, Traffic
from broker.registry import (
    BEFORE,
    decode_card,
    decode_limits,
    decode_presence,
    decode_traffic,
    limits_entry,
    unknown_limits,
)
from broker.wire import lies_apart


def _pairs(flat: Sequence[Any]) -> dict[Any, Any]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def overview(answer: Sequence[Any], *, is_complete: bool, other_protocols: Sequence[int] = ()) -> Overview:
    """Out of what OVERVIEW returns."""
    now, epoch, cards, batchers, there_are, wrong, limits, (opened, kept, held), webhooks, traffic, *rest = answer
    (version, keys, entries, refusals, refused), *rows = rest
    now /= 1000
    known, lost_cards = _known_cards(_pairs(cards))
    seen, lost_batchers = _seen_batchers(_pairs(batchers), now)
    live = [one.presence.model for one in seen if one.is_live]
    models = [_model(row, now, known, live) for row in rows]
    shares, bad_shares = _shares(_pairs(traffic))
    return Overview(
        now=now,
        epoch=epoch.decode("ascii", "replace"),
        models=sorted(models, key=lambda model: model.key),
        batchers=sorted(seen, key=lambda one: (one.presence.model, one.presence.batcher)),
        predictions=PredictionsOverview(open=opened, kept=kept, bytes=held),
        webhooks=_webhooks(*webhooks),
        callers=callers_seen(version, keys, _pairs(entries), refusals, _pairs(refused)),
        unreadable=[*lost_cards, *lost_batchers],
        wrong_type=[key.decode("utf-8", "replace") for key in wrong],
        bad_limits={name.decode("utf-8", "replace"): why for name, entry in limits if (why := _why_ignored(entry))},
        traffic=shares,
        bad_traffic=bad_shares,
        on_trial=[name.decode("utf-8", "replace") for name, entry in limits if _is_on_trial(entry)],
        is_complete=is_complete,
        other_protocols=other_protocols,
        left_out=there_are - len(rows),
    )


def history(waiting: Any, state: Mapping[bytes, bytes] | None, now: float) -> HistoryOverview:
    """Of its list's length and its state, either of which may be another's."""
    told = {name.decode("ascii", "replace"): value.decode("utf-8", "replace") for name, value in (state or {}).items()}
    names = ("bytes", "dropped", "dropped_at", "written", "at")
    numbers = {name: int(told[name]) if told.get(name, "").isdecimal() else 0 for name in names}
    return HistoryOverview(
        waiting=int(waiting or 0),
        bytes=numbers["bytes"] if waiting else 0,
        dropped=numbers["dropped"],
        dropped_age=max(0.0, now - numbers["dropped_at"] / 1000) if numbers["dropped_at"] else None,
        writer=told.get("writer", ""),
        database=told.get("database", ""),
        written=numbers["written"],
        error=told.get("error", ""),
        beat_age=now - numbers["at"] / 1000 if numbers["at"] else 0.0,
    )


def _webhooks(due: int, fates: Sequence[bytes], tries: Sequence[bytes]) -> WebhooksOverview:
    counts = {fate.decode("utf-8", "replace"): int(count) for fate, count in _pairs(fates).items() if count.isdigit()}
    shown = [one for entry in reversed(tries) if (one := _webhook_try(entry.decode("utf-8", "replace"))) is not None]
    return WebhooksOverview(due=due, fates=counts, tries=shown)


def _webhook_try(entry: str) -> WebhookTry | None:
    """None for what is none."""
    try:
        ms, fate, status, tries, prediction, host = entry.split(" ")
        at = int(ms) / 1000
        return WebhookTry(at=at, fate=fate, status=int(status), tries=int(tries), prediction=prediction, host=host)
    except ValueError:
        return None


def _why_ignored(found: Sequence[Any]) -> str:
    """What is wrong with these live limits; "" where nothing is."""
    entry = limits_entry(found)
    unknown = unknown_limits(entry)
    try:
        decode_limits(entry, Limits())
    except WireError as error:
        return str(error)
    return f"there is no {', '.join(unknown)}" if unknown else ""


def _is_on_trial(found: Sequence[Any]) -> bool:
    return BEFORE.encode() in limits_entry(found)


def _shares(traffic: Mapping[bytes, bytes]) -> tuple[dict[str, Traffic], dict[str, str]]:
    """By model; and what is wrong with those that front ends ignore."""
    found, bad = {}, {}
    for name, entry in sorted(traffic.items()):
        model = name.decode("utf-8", "replace")
        try:
            found[model] = decode_traffic(entry)
        except WireError as error:
            bad[model] = str(error)
    return found, bad


def _known_cards(cards: Mapping[bytes, bytes]) -> tuple[dict[str, ModelCard], list[str]]:
    known, lost = {}, []
    for name, entry in cards.items():
        try:
            known[name.decode()] = decode_card(entry[STAMP:])
        except (ValueError, WireError):
            lost.append(f"card {name.decode('utf-8', 'replace')}")
    return known, lost


def _seen_batchers(batchers: Mapping[bytes, bytes], now: float) -> tuple[list[BatcherOverview], list[str]]:
    seen, lost = [], []
    for name, entry in batchers.items():
        try:
            age = now - int(entry[:STAMP]) / 1000
            presence = decode_presence(entry.partition(b"\n")[2])
        except (ValueError, WireError):
            lost.append(f"batcher {name.decode('utf-8', 'replace')}")
        else:
            # As front ends count: nobody beats in the future.
            seen.append(BatcherOverview(presence=presence, beat_age=age, is_live=abs(age) <= PRESENCE_TTL))
    return seen, lost


def _model(row: Sequence[Any], now: float, cards: Mapping[str, ModelCard], live: Sequence[str]) -> ModelOverview:
    key = row[0].decode("utf-8", "replace")
    suspects, dead, batches, looked_into, jobs, staged, expiry = row[11:]
    return ModelOverview(
        key=key,
        lanes=[_lane(Lane.INTERACTIVE, row[1:6], now), _lane(Lane.BULK, row[6:11], now)],
        suspects=suspects,
        dead=dead,
        leases=LeaseOverview(
            batches=batches,
            jobs=jobs,
            staged=staged,
            looked_into=looked_into,
            soonest_expiry=expiry / 1000 - now if expiry else 0.0,
        ),
        card=cards.get(key),
        batchers=live.count(key),
    )


def _lane(lane: Lane, row: Sequence[Any], now: float) -> LaneOverview:
    jobs, tokens, held, oldest, lists = row
    age = max(0.0, now - oldest / 1000) if oldest else 0.0
    return LaneOverview(lane=lane, jobs=jobs, tokens=tokens, bytes=held, oldest_age=age, lists=lists)


def letters(rows: Mapping[str, Sequence[Any]]) -> Letters:
    """Out of what LETTERS returns for each ⟨m⟩."""
    shown = [
        _letter(model, header, size)
        for model, (_, *found) in rows.items()
        for header, size in zip(found[::2], found[1::2], strict=True)
    ]
    unreadable = [model for model, (count, *_) in rows.items() if count < 0]
    return Letters(shown=shown, there_are=sum(max(0, row[0]) for row in rows.values()), unreadable=unreadable)


def _letter(model: str, header: bytes, size: int) -> Letter:
    """Garbage is a dead letter too: what cannot be read of it counts as zero."""
    return Letter(
        model=model,
        job_id=text(header, "id"),
        attempts=number(header, "attempts"),
        cost=number(header, "cost"),
        admitted=number(header, "admitted") / 1000,
        deadline=number(header, "deadline") / 1000,
        size=size,
        lies_apart=lies_apart(header),
    )
