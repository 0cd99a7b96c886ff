"""Writes dashboard.json, for Grafana, from the table in panels.py: `make dashboard`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from monitoring.panels import ROWS, Panel

PAGE = Path(__file__).with_name("dashboard.json")
WIDTH, HEIGHT = 24, 8  # of Grafana's grid, and of a graph in it
LOWER = 4  # the height of a number
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
FORMS: dict[str, dict[str, Any]] = {"heatmap": {"format": "heatmap"}, "stat": {"instant": True}}
LABEL = re.compile(r"\b(jitney_\w+)(\{)?")


def every_panel() -> Iterator[Panel]:
    for _, panels in ROWS:
        yield from panels


def expression(ask: str) -> str:
    """With the dashboard's variables. Each has `.*` for all, which takes in series that lack the label."""

    def selected(found: re.Match[str]) -> str:
        return f'{found[1]}{{namespace=~"$namespace"' + (", " if found[2] else "}")

    return LABEL.sub(selected, ask).replace("[r]", "[$__rate_interval]")


def page() -> str:
    """dashboard.json."""
    return json.dumps(_dashboard(), indent=1, ensure_ascii=False) + "\n"


def _dashboard() -> dict[str, Any]:
    return {
        "uid": "jitney",
        "title": "Jitney",
        "tags": ["jitney"],
        "description": "docs/metrics.md says what each metric means.",
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_source(), _variable("namespace", "label_values(jitney_build_info, namespace)")]},
        "panels": [*_panels()],
    }


def _source() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "refresh": 1}


def _variable(name: str, query: str) -> dict[str, Any]:
    every = {"text": "All", "value": "$__all"}
    how = {"includeAll": True, "allValue": ".*", "multi": False, "refresh": 2, "sort": 1, "current": every}
    return {"name": name, "type": "query", "datasource": SOURCE, "query": query, **how}


def _panels() -> Iterator[dict[str, Any]]:
    """Laid out from left to right, a row below the other."""
    top, id = 0, 0
    for title, panels in ROWS:
        id += 1
        at = _place(0, top, WIDTH, 1)
        yield {"id": id, "type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": at}
        top, left = top + 1, 0
        height = LOWER if panels[0].kind == "stat" else HEIGHT
        for panel in panels:
            if left + panel.width > WIDTH:
                top, left = top + height, 0
            id += 1
            yield {"id": id, "gridPos": _place(left, top, panel.width, height), **_panel(panel)}
            left += panel.width
        top += height


def _place(x: int, y: int, w: int, h: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": w, "h": h}


def _panel(panel: Panel) -> dict[str, Any]:
    says = [panel.says] * bool(panel.says) + [f"Empty {panel.empty}."] * bool(panel.empty)
    made = {
        "type": panel.kind,
        "title": panel.title,
        "description": " ".join(says),
        "datasource": SOURCE,
        "targets": [_target(panel, at) for at in range(len(panel.asks))],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
    }
    if panel.kind == "heatmap":
        made["options"] = {"calculate": False, "yAxis": {"unit": panel.unit}, "legend": {"show": False}}
    return made


def _target(panel: Panel, at: int) -> dict[str, Any]:
    ask, legend = panel.asks[at]
    made = {"refId": "ABCDEF"[at], "datasource": SOURCE, "expr": expression(ask), "legendFormat": legend or "__auto"}
    return made | FORMS.get(panel.kind, {})


def _defaults(panel: Panel) -> dict[str, Any]:
    made: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.most is not None:
        made["max"] = panel.most
    if panel.stacked:
        made["custom"] = {"fillOpacity": 30, "stacking": {"mode": "normal", "group": "A"}}
    if panel.kind == "stat":
        made["thresholds"] = {"mode": "absolute", "steps": [*_steps(panel)]}
    return made


def _steps(panel: Panel) -> Iterator[dict[str, Any]]:
    """Each colour from its value on, the first from below all."""
    if panel.red_below is not None:
        yield {"color": "red", "value": None}
    yield {"color": "green", "value": panel.red_below}
    if panel.red is not None:
        yield {"color": "red", "value": panel.red}


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
