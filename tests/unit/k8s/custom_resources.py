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


def several(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": items}


TEXT = {"type": "string", "minLength": 1}
NUMBER = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"}
COUNT = {"type": "integer", "minimum": 0}
DURATION = {"type": "string", "pattern": r"^(0|([0-9]+(ms|s|m|h|d|w|y))+)$"}  # of Prometheus
LABELS = {"type": "object", "additionalProperties": {"type": "string"}}
METADATA = closed({"name": TEXT}, labels=LABELS, annotations=LABELS)
REQUIREMENT = closed({"key": TEXT, "operator": {"const": "In"}, "values": {"type": "array", "items": TEXT}})
SELECTOR = closed({"matchExpressions": {"type": "array", "items": REQUIREMENT}})

POD_MONITOR = closed(  # monitoring.coreos.com/v1
    {
        "selector": SELECTOR,
        "podMetricsEndpoints": several(closed({"port": TEXT}, interval=DURATION, scrapeTimeout=DURATION, path=TEXT)),
    },
    podTargetLabels={"type": "array", "items": TEXT},
)
ALERT = closed(
    {"alert": TEXT, "expr": TEXT, "labels": LABELS, "annotations": LABELS},
    **{"for": DURATION, "keep_firing_for": DURATION},
)
PROMETHEUS_RULE = closed(  # monitoring.coreos.com/v1
    {"groups": several(closed({"name": TEXT, "rules": several(ALERT)}, interval=DURATION))}
)
PROMETHEUS_TRIGGER = closed(  # all of its metadata are texts
    {
        "type": {"const": "prometheus"},
        "metadata": closed(
            {"serverAddress": {"type": "string", "pattern": "^https?://"}, "query": TEXT, "threshold": NUMBER},
            activationThreshold=NUMBER,
            ignoreNullValues={"enum": ["true", "false"]},
        ),
    },
    name=TEXT,
    metricType={"enum": ["AverageValue", "Value"]},  # KEDA takes no Utilization for this one
)
SCALED_OBJECT = closed(  # keda.sh/v1alpha1
    {
        "scaleTargetRef": closed({"name": TEXT}),
        "triggers": several(PROMETHEUS_TRIGGER),
    },
    pollingInterval=COUNT,
    cooldownPeriod=COUNT,
    minReplicaCount=COUNT,
    maxReplicaCount=COUNT,
    # That of Kubernetes' own autoscaler, which the test of scaling holds to its schema.
    advanced=closed({"horizontalPodAutoscalerConfig": closed({"behavior": {"type": "object"}})}),
)
SCHEMAS = {
    "PodMonitor": ("monitoring.coreos.com/v1", POD_MONITOR),
    "PrometheusRule": ("monitoring.coreos.com/v1", PROMETHEUS_RULE),
    "ScaledObject": ("keda.sh/v1alpha1", SCALED_OBJECT),
}


def check(manifest: Mapping[str, Any]) -> None:
    """Raises `jsonschema.ValidationError`."""
    version, spec = SCHEMAS[manifest["kind"]]
    whole = closed({"apiVersion": {"const": version}, "kind": TEXT, "metadata": METADATA, "spec": spec})
    jsonschema.validate(manifest, whole)
