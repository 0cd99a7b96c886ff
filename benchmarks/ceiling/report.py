"""What the ceilings are, and how near Jitney comes to each, as a page of markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.ceiling.broker_alone import BrokerAlone
from benchmarks.ceiling.model_alone import ModelAlone
from benchmarks.lib.markdown import table
from benchmarks.load.medians import middle
from benchmarks.load.rounds import (
    SERVERS,
    Figure,
    Rounds,
    batch_size,
    commands,
    micros,
    p50,
    p99,
    per_second,
    ratio,
    remarks,
    shown,
)

BARE, INSIDE, JITNEY = "bare Starlette", "batching inside it", "Jitney"
MODEL, BROKER = "the model alone", "the broker alone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One server under one load, once a round."""

    server: str
    clients: int
    rounds: Rounds

    def middle(self, of: Figure) -> float:
        """The median over the rounds."""
        return middle(self.rounds, of)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """Everything about one model. Rows of the same clients were measured right after each other."""

    spec: str
    rows: Sequence[Row]
    model: Sequence[ModelAlone]
    broker: Sequence[BrokerAlone]
    largest: int  # jobs in a batch

    def row(self, server: str, clients: int) -> Row:
        """The one there is."""
        return next(row for row in self.rows if (row.server, row.clients) == (server, clients))

    @property
    def clients(self) -> Sequence[int]:
        return [row.clients for row in self.rows if row.server == JITNEY]

    def limits(self, clients: int) -> dict[str, float]:
        """Answers a second by the name of each limit; model and broker with the fullest batches that there can be."""
        jobs = min(clients, self.largest)
        return {
            **{server: self.row(server, clients).middle(per_second) for server in (BARE, INSIDE)},
            **{MODEL: next(one.per_second for one in self.model if one.jobs == jobs)},
            **{BROKER: next(one.per_second for one in self.broker if one.jobs == jobs)},
        }

    def shares(self, clients: int) -> dict[str, float]:
        """Jitney's rate by each limit; where both were measured in rounds, the median of each within itself."""
        ours = self.row(JITNEY, clients)
        of_servers = {
            server: ratio(ours.rounds, self.row(server, clients).rounds, per_second) for server in (BARE, INSIDE)
        }
        limits = self.limits(clients)
        return {**of_servers, **{name: ours.middle(per_second) / limits[name] for name in (MODEL, BROKER)}}


def markdown(about: Mapping[str, str], ceilings: Sequence[Ceiling]) -> str:
    """The whole page."""
    lines = [f"- {name}: {value}" for name, value in about.items()]
    for one in ceilings:
        lines += ["", *_rates(one), "", *_latencies(one), "", *_costs(one)]
    lines += ["", *_broker(ceilings[0].broker)]
    said = remarks(
        {f"{one.spec}, {row.clients} clients, {row.server}": row.rounds for one in ceilings for row in one.rows}
    )
    return "\n".join([*lines, *(f"\n{line}" for line in said)])


def _rates(ceiling: Ceiling) -> Iterator[str]:
    yield f"**{ceiling.spec}: answers a second, and Jitney's share of each limit**"
    yield ""
    columns = f"clients|{JITNEY}|{BARE}|{INSIDE}|{MODEL}|{BROKER}|nearest"
    yield from table(columns, map(lambda clients: _rate(ceiling, clients), ceiling.clients))


def _rate(ceiling: Ceiling, clients: int) -> Sequence[str]:
    limits, shares = ceiling.limits(clients), ceiling.shares(clients)
    nearest = max(shares, key=lambda name: shares[name])
    return (
        str(clients),
        shown(ceiling.row(JITNEY, clients).middle(per_second), 0),
        *(f"{limits[name]:,.0f} ({shares[name]:.2f})" for name in limits),
        f"{nearest}, {shares[nearest]:.2f}",
    )


def _latencies(ceiling: Ceiling) -> Iterator[str]:
    yield f"**{ceiling.spec}: p50 / p99, ms, and jobs in the batches that requests met**"
    yield ""
    columns = f"clients|{JITNEY}|{INSIDE}|p50 beside that|{BARE}, no model|jobs: {JITNEY}|{INSIDE}"
    yield from table(columns, map(lambda clients: _latency(ceiling, clients), ceiling.clients))


def _latency(ceiling: Ceiling, clients: int) -> Sequence[str]:
    ours, inside, bare = (ceiling.row(server, clients) for server in (JITNEY, INSIDE, BARE))
    return (
        str(clients),
        _spread(ours),
        _spread(inside),
        shown(ratio(ours.rounds, inside.rounds, p50), 2),
        _spread(bare),
        *(shown(row.middle(batch_size)) for row in (ours, inside)),
    )


def _spread(row: Row) -> str:
    return f"{shown(row.middle(p50), 2)} / {shown(row.middle(p99), 2)}"


def _costs(ceiling: Ceiling) -> Iterator[str]:
    yield f"**{ceiling.spec}: processor µs an answer, and commands that the broker ran for one**"
    yield ""
    columns = f"clients|{BARE}|{INSIDE}|{JITNEY}: all|beside bare|{'|'.join(SERVERS)}|commands"
    yield from table(columns, map(lambda clients: _cost(ceiling, clients), ceiling.clients))


def _cost(ceiling: Ceiling, clients: int) -> Sequence[str]:
    ours, bare = ceiling.row(JITNEY, clients), ceiling.row(BARE, clients)
    return (
        str(clients),
        *(shown(ceiling.row(server, clients).middle(micros()), 0) for server in (BARE, INSIDE, JITNEY)),
        shown(ratio(ours.rounds, bare.rounds, micros())),
        *(shown(ours.middle(micros(server)), 0) for server in SERVERS),
        shown(ours.middle(commands)),
    )


def _broker(broker: Sequence[BrokerAlone]) -> Iterable[str]:
    yield "**The broker alone** (its main thread; a batch's life: admitted in one trip, claimed, finished, received)"
    yield ""
    rows = [
        (
            str(one.jobs),
            f"{one.micros:.0f}",
            f"{one.per_second:,.0f}",
            f"{one.micros_in_one:.0f}",
            f"{one.per_second_in_one:,.0f}",
            f"{one.commands:.0f}",
        )
        for one in broker
    ]
    columns = (
        "jobs a batch|µs a job, trip by trip|jobs/s by that|µs a job, in one stream|jobs/s by that|commands a batch"
    )
    yield from table(columns, rows)
