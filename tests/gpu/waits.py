"""How often a decode step waits for the card, by torch's own count: what tests/models/test_on_card.py says it is."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from tests.gpu.parts import Check, Setup, Skipped
from tests.models import tiny
from tests.models.in_flight import engine_of, jobs_of, load, mixed_rows

MOST = {1: 1, 5: 2}  # by beams
ROWS, LEAD = 6, 3  # steps before the one that is looked at


def run(setup: Setup) -> Iterator[Check]:
    """Greedy and by beams. Raises `Skipped` without a card."""
    if not setup.is_cuda:
        raise Skipped("nobody waits for a CPU; on a pretended card tests/models/test_on_card.py counts")
    for beams, most in MOST.items():
        directory = tiny.translation(setup.directory / str(beams), num_beams=beams)
        engine = engine_of(load(directory, device=setup.device))
        engine.admit(jobs_of(mixed_rows(random.Random(1), ROWS)))
        for _ in range(LEAD):
            engine.step()
        places = _waited(engine.step)
        name = f"a step of {beams} beam(s) waits {most} time(s) at most"
        yield Check(name=name, is_ok=len(places) <= most, figures={"waits": len(places), "at": " ".join(places)})


def _waited(act: Callable[[], object]) -> list[str]:
    """The lines at which the card was waited for."""
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            act()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return [f"{Path(one.filename).name}:{one.lineno}" for one in told if "synchronizing" in str(one.message)]
