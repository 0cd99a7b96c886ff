"""A few rows as the records of one request to one endpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from jitney.batch.contract import Answer, Row
from jitney.batch.options import BatchOptions
from jitney.batch.verdict import Verdict, judge


class ByRecords:
    """Records are called 0, 1, 2 …"""

    can_ask_for_none = True

    def __init__(self, options: BatchOptions) -> None:
        self._options = options

    def request(self, rows: Sequence[Row]) -> tuple[str, bytes]:
        records = [{"id": place, self._options.field: row.text} for place, row in enumerate(rows)]
        payload = {**self._options.settings, "records": records}
        return self._options.endpoint, json.dumps({"payload": payload}, ensure_ascii=False).encode()

    def judge(
        self, status: int, headers: Mapping[str, str], body: bytes, rows: Sequence[Row], now: datetime
    ) -> Verdict:
        return judge(status, headers, body, len(rows), now)

    def given_up(self, rows: Sequence[Row], answer: Answer) -> None:
        pass
