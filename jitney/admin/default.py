"""`jitney default`: which model answers for a task when a request names none, shown and chosen."""

from __future__ import annotations

import json
import sys

from jitney.admin.snapshot import NotSeen, admin
from jitney.admin.tables import printable, table
from jitney.admin.watch import CLEAN, complain


def run_default(url: str, namespace: str, task: str, name: str, *, as_json: bool) -> int:
    """Without a task: show them. Exit code: 0, or 1 when the broker cannot be asked."""
    try:
        with admin(url, namespace) as broker:
            if task:
                broker.choose_default(task, name)
                models = [model.card for model in broker.overview().models if model.card is not None]
            defaults = broker.defaults()
    except NotSeen as error:
        return complain(error.why, as_json=as_json)
    if task and not any((card.task, card.name) == (task, name) for card in models):
        print(f"jitney: no batcher has announced {name} for {task}: until one does, it answers 503", file=sys.stderr)
    rows = [[task, name] for task, name in sorted(defaults.items())]
    lines = table(("TASK", "MODEL"), rows, names=2, width=None) if rows else ["no task has a default model yet"]
    print(json.dumps(dict(defaults)) if as_json else "\n".join(map(printable, lines)), flush=True)
    return CLEAN
