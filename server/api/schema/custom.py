"""Any model by its name: texts in, whatever it answers out."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from server.api.schema.envelope import TextPayload, Warnings


class AnyPayload(TextPayload, frozen=True, kw_only=True, rename="camel"):
    """For any model by name: further fields of the payload reach the model's codec as they are."""


class AnyRequest(Struct, frozen=True):
    payload: AnyPayload


class AnyReply(Struct, frozen=True):
    result: list[dict[str, Any]]
    warnings: Warnings = msgspec.UNSET
