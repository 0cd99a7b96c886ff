"""JSON as it leaves a front end."""

from __future__ import annotations

import msgspec

to_json = msgspec.json.Encoder().encode
