"""The in-flight engine in tests: rows to translate, jobs of them, and what came back of each."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from batcher.engines.engine import Done
from batcher.models.settings import ModelSettings
from batcher.models.spec import LoadedModel, load_model, parse_spec
from batcher.models.translation.engine import InFlightEngine
from broker.messages import FailureCode, Job
from tests.models.oracle import source, unmarked, without_marks

DEMO = Path(__file__).parents[2] / "demo" / "translation"
OFFSET = 64  # of the tiny checkpoints: ids of languages begin here
LANGUAGES = range(OFFSET, OFFSET + 100)
Row = dict[str, Any]
Answers = dict[str, Any]


def load(directory: Path, **settings: Any) -> LoadedModel:
    """In flight, and without the guard, which changes what `generate` would say."""
    return without_marks(
        load_model(parse_spec(f"translation:{directory}"), ModelSettings(**{"guard": False, **settings}))
    )


def reference(directory: Path, **settings: Any) -> LoadedModel:
    return load(directory, engine="reference", **settings)


def engine_of(model: LoadedModel, **limits: Any) -> InFlightEngine:
    assert model.in_flight is not None
    engine = model.in_flight(**limits)
    assert isinstance(engine, InFlightEngine)
    return engine


def mixed_rows(rng: random.Random, count: int, *, limits: float = 0.0, longest: int = 26) -> list[Row]:
    """From any language to any other, 0 to `longest` pieces; this part of them with a limit of their own."""
    rows = []
    for _ in range(count):
        pieces = [rng.randrange(4, OFFSET) for _ in range(rng.randrange(longest + 1))]
        row: Row = {"source": source(rng.choice(LANGUAGES), pieces), "target": rng.choice(LANGUAGES)}
        rows.append(row | {"max_new_tokens": rng.randrange(2, 27)} if rng.random() < limits else row)
    return rows


def demo_rows(model: LoadedModel, rng: random.Random, count: int) -> list[Row]:
    """Any words of the demo's vocabulary in any order, between any two of its languages."""
    ids = [model.about.options["language_ids"][code] for code in model.about.languages]
    pieces = range(4, model.about.options["language_offset"])
    return [
        {
            "source": source(rng.choice(ids), rng.choices(pieces, k=rng.randrange(1, 20))),
            "target": rng.choice(ids),
            "max_new_tokens": rng.choice([20, 40]),
        }
        for _ in range(count)
    ]


def jobs_of(rows: Iterable[Any]) -> list[Job]:
    return [Job(id=str(number), front_end="f", input=row) for number, row in enumerate(rows)]


def finish(engine: InFlightEngine, expected: Iterable[str], *, steps: int = 5_000) -> dict[str, Done]:
    """Step until each of these is back; nobody else may come, and nobody twice."""
    missing, done = set(expected), dict[str, Done]()
    for _ in range(steps):
        if not missing:
            return done
        for one in engine.step():
            missing.remove(one.job_id)
            done[one.job_id] = one
    raise AssertionError(f"after {steps} steps {len(missing)} jobs are not back")


def run_all(engine: InFlightEngine, rows: Sequence[Any]) -> dict[str, Done]:
    """All of them admitted at once."""
    jobs = jobs_of(rows)
    engine.admit(jobs)
    return finish(engine, [job.id for job in jobs])


def outputs(done: Mapping[str, Done]) -> Answers:
    """Of those that have one, by job; pieces as a list."""
    return {
        id: list(output) if isinstance(output := unmarked(one.output), array) else output
        for id, one in done.items()
        if one.failure is None
    }


def failures(done: Mapping[str, Done]) -> dict[str, tuple[FailureCode, str]]:
    return {id: (one.failure.code, one.failure.message) for id, one in done.items() if one.failure is not None}


def numbered(answers: Iterable[Any]) -> Answers:
    """As `outputs` says it, for the jobs of `jobs_of`."""
    return {str(number): list(answer) for number, answer in enumerate(answers)}


@torch.inference_mode()
def poison(engine: InFlightEngine) -> None:
    """NaN in every slot that no job is in."""
    for group in engine._groups._groups.values():
        cache = group.cache
        cache.past[:, :, cache.rows :] = torch.nan
        cache.source[:, :, cache.jobs :] = torch.nan
        cache.past_mask[cache.rows :] = torch.nan
        cache.source_mask[cache.jobs :] = torch.nan
