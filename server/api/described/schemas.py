"""How the document names the schema of a type."""

from __future__ import annotations

from typing import Any

import msgspec

Json = dict[str, Any]
REF = "#/components/schemas/{name}"


def ref(kind: Any) -> Json:
    """The schema of a type, which for one of ours is where it stands."""
    if kind is None:
        return {}
    (found,), _ = msgspec.json.schema_components([kind], ref_template=REF)
    return dict(found)
