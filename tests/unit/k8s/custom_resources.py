"""What we use of custom resources, as their CRDs describe it: a field that is not here is wrong until it is looked up.

The CRDs themselves are some ten thousand lines of KEDA's and the Prometheus Operator's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema


def closed(required: Mapping[str, Any], **optional: Any) -> dict[str, Any]:
    """An object with these fields and no others."""
    properties = {**required, **optional}
    return {"type": "object", "properties": properties, "required": [*required], "additionalProperties": False}


TEXT = {"type": "string", "minLength": 1}
DURATION = {"type": "string", "pattern": r"^(0|([0-9]+(ms|s|m|h|d|w|y))+)$"}  # of Prometheus
LABELS = {"type": "object", "additionalProperties": {"type": "string"}}
METADATA = closed({"name": TEXT}, labels=LABELS, annotations=LABELS)
REQUIREMENT = closed({"key": TEXT, "operator": {"const": "In"}, "values": {"type": "array", "items": TEXT}})
SELECTOR = closed({"matchExpressions": {"type": "array", "items": REQUIREMENT}})

POD_MONITOR = closed(  # monitoring.coreos.com/v1
    {
        "selector": SELECTOR,
        "podMetricsEndpoints": {
            "type": "array",
            "minItems": 1,
            "items": closed({"port": TEXT}, interval=DURATION, scrapeTimeout=DURATION, path=TEXT),
        },
    },
    podTargetLabels={"type": "array", "items": TEXT},
)
SCHEMAS = {
    "PodMonitor": ("monitoring.coreos.com/v1", POD_MONITOR),
}


def check(manifest: Mapping[str, Any]) -> None:
    """Raises `jsonschema.ValidationError`."""
    version, spec = SCHEMAS[manifest["kind"]]
    whole = closed({"apiVersion": {"const": version}, "kind": TEXT, "metadata": METADATA, "spec": spec})
    jsonschema.validate(manifest, whole)
