"""What `jitney up` shows once everything is ready: a line to paste for each model. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from broker.common.tasks import ANY, task_of

WITH_KEY = ' -H "Authorization: Bearer $KEY"'
SOMEBODY = "alice"


def greeting(
    url: str,
    models: Sequence[Mapping[str, Any]],
    metrics: Mapping[str, str],
    private_broker: str = "",
    *,
    has_keys: bool = False,
    history: str = "",
) -> list[str]:
    """Where to go from here. `metrics`: title of a child → where its metrics are; `private_broker`: its URL;
    `has_keys`: whoever calls needs a key; `history`: where what became of each record is kept."""
    asking = f"JITNEY_REDIS_URL={private_broker} " if private_broker else ""
    rows = [("ready", [url]), ("try", [line + WITH_KEY * has_keys for line in curl_lines(url, models)])]
    if has_keys:
        rows.append(("keys", [f"export KEY=$({asking}jitney keys add {SOMEBODY})"]))
    rows.append(("docs", [f"{url}/docs"]))
    if history:
        rows.append(("history", [history]))
    rows.append(("metrics", [f"{where}  ({title})" for title, where in metrics.items()]))
    # Nobody else knows where our own broker listens.
    rows.append(("look", [f"{asking}jitney status"]))
    rows.append(("end", ["Ctrl-C"]))
    return [f"  {label if at == 0 else '':8} {line}" for label, lines in rows for at, line in enumerate(lines)]


def curl_lines(url: str, models: Sequence[Mapping[str, Any]]) -> list[str]:
    """A ready-to-paste call for each live model, as `/v1/models` describes it; one that fits its task and languages."""
    tasks = [model["task"] for model in models]
    return [curl_line(url, model, alone=tasks.count(model["task"]) == 1) for model in models]


def curl_line(url: str, model: Mapping[str, Any], *, alone: bool = True) -> str:
    """The call for this model. Where it is not `alone` with its task the call names it."""
    task = task_of(model["task"])
    payload = task.payload(model.get("languages") or ())
    if task is not ANY and not alone:
        payload["model"] = model["name"]
    body = json.dumps({"payload": payload})
    return f"curl -s {url}{task.path.format(name=model['name'])} -H 'Content-Type: application/json' -d '{body}'"
