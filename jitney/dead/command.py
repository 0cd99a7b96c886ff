"""`jitney dead`: dead letters, listed by their outsides and forgotten on request; never what a client wrote."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

from broker.admin.overview import Letter, Letters
from broker.admin.redis import RedisAdmin
from jitney.admin.snapshot import NotSeen, admin
from jitney.admin.tables import printable, size, table
from jitney.admin.watch import CLEAN, NOT_TO_BE_HAD, complain

HEADINGS = ("MODEL", "JOB", "ATTEMPTS", "ADMITTED", "DEADLINE", "COST", "SIZE")


def run_list(url: str, namespace: str, *, model: str, limit: int, as_json: bool) -> int:
    """Exit code: 0, or 1 when the broker cannot be asked."""
    try:
        with admin(url, namespace) as broker:
            found = broker.letters(_models(broker, model), limit)
    except NotSeen as error:
        return complain(error.why, as_json=as_json)
    print(json.dumps([asdict(letter) for letter in found.shown]) if as_json else "\n".join(_lines(found)), flush=True)
    return NOT_TO_BE_HAD if _tell_unreadable(found) else CLEAN


def run_drop(
    url: str, namespace: str, job_ids: Sequence[str], *, model: str, is_sure: Callable[[int], bool], as_json: bool
) -> int:
    """Without ids all of them, once `is_sure` of so many. Exit code: 1 also where an id is not there."""
    try:
        with admin(url, namespace) as broker:
            found = broker.letters(_models(broker, model), 1)
            if not job_ids and not is_sure(found.there_are):
                return CLEAN
            gone = broker.drop(sorted({letter.model for letter in found.shown}), job_ids)
    except NotSeen as error:
        return complain(error.why, as_json=as_json)
    unknown = [job for job in dict.fromkeys(job_ids) if job not in gone]
    print(json.dumps({"dropped": gone, "unknown": unknown}) if as_json else f"{len(gone)} dropped")
    if unknown:
        said = f"no dead letter has the id {', '.join(unknown)}: jitney dead list shows those that there are"
        print(f"jitney: {said}", file=sys.stderr)
    return NOT_TO_BE_HAD if _tell_unreadable(found) or unknown else CLEAN


def _tell_unreadable(found: Letters) -> bool:
    """On standard error; whether there are any."""
    for model in found.unreadable:
        said = f"the key of the dead letters of {model} holds something else: find what writes it, and delete the key"
        print(f"jitney: {printable(said)}", file=sys.stderr)
    return bool(found.unreadable)


def _models(broker: RedisAdmin, wanted: str) -> list[str]:
    """Each ⟨m⟩ with dead letters; `wanted` is a name, or name@revision."""
    return [key for key in broker.dead_models() if not wanted or wanted in (key, key.rpartition("@")[0])]


def _lines(found: Letters) -> list[str]:
    if not found.shown:
        return ["no dead letters" if not found.unreadable else "no dead letters that can be read"]
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    # Ids are to be copied: they are never cut.
    lines = table(HEADINGS, [_row(letter) for letter in found.shown], names=1, width=width)
    older = found.there_are - len(found.shown)
    lines += [f"{older} older ones are not shown: --limit shows more"] if older > 0 else []
    return [printable(line) for line in lines]


def _row(letter: Letter) -> list[str]:
    times = [_clock(letter.admitted), _clock(letter.deadline)]
    held = size(letter.size) + (", apart" if letter.lies_apart else "")
    return [letter.model, letter.job_id, str(letter.attempts), *times, str(letter.cost), held]


def _clock(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(moment))
