"""A model, loaded and warm, with the engine that computes it and what is known of its speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from batcher.engines.batch import BatchEngine
from batcher.engines.engine import Engine
from batcher.engines.lost_device import ending_with_device
from batcher.engines.probe import probe
from batcher.models.errors import ModelSpecError, describe
from batcher.models.settings import ModelSettings
from batcher.models.spec import LoadedModel, Spec, load_model
from batcher.policy.batching import Batching, InFlightBatching
from batcher.serving.heartbeat import Vitals
from broker.messages import Limits

log = structlog.get_logger("batcher")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """It can serve."""

    model: LoadedModel
    engine: Engine
    batching: Batching
    vitals: Vitals
    seen: Sequence[tuple[int, float]]  # of its speed: jobs of a batch that was tried, and the seconds it took


def load(spec: Spec, how: ModelSettings, limits: Limits) -> Ready:
    """Raises `ModelSpecError`, whatever went wrong: it will be the same the next time."""
    try:
        with ending_with_device():
            model = load_model(spec, how)
            model.warm_up()
            seen = list(probe(model, limits))
            vitals = Vitals()
            engine = _engine_of(model, limits, vitals)
            batching = Batching() if model.in_flight is None else InFlightBatching()
            return Ready(model=model, engine=engine, batching=batching, vitals=vitals, seen=seen)
    except ModelSpecError:
        raise
    except BaseException as error:
        log.debug("not loaded", exc_info=error)
        raise ModelSpecError(f"model '{spec.text}' cannot be served: {describe(error)}") from error


def _engine_of(model: LoadedModel, limits: Limits, vitals: Vitals) -> Engine:
    make = partial(BatchEngine, model, cost=model.cost, pads=model.pads) if model.in_flight is None else model.in_flight
    engine = make(max_size=limits.max_batch_size, max_tokens=limits.max_batch_tokens, progress=vitals.progress)
    if not isinstance(engine, Engine):
        kind = type(engine).__name__
        raise ModelSpecError(f"{model.name}: its in_flight makes a {kind}, no Engine (batcher/engines/engine.py)")
    return engine
