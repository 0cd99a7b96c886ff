"""What the tests of a batch share: options, rows, and an event loop for one call."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Coroutine
from typing import Any, TypeVar

from jitney.batch.contract import Format, Row
from jitney.batch.files.csv_file import Csv
from jitney.batch.files.jsonl import Jsonl
from jitney.batch.options import BatchOptions

Result = TypeVar("Result")


def options(**changed: Any) -> BatchOptions:
    """Those of `jitney batch in.jsonl -o out.jsonl --endpoint /translation`."""
    usual: dict[str, Any] = {
        "source": "in.jsonl",
        "target": "out.jsonl",
        "endpoint": "/translation",
        "url": "http://127.0.0.1:9527",
        "settings": {},
        "lane": "bulk",
        "window": 256,
        "rows_per_request": 32,
        "timeout": 600.0,
        "patience": 300.0,
        "format": "jsonl",
        "column": "text",
        "id_column": "",
        "delimiter": ",",
        "excel_safe": False,
        "bom": False,
        "retry_failed": False,
        "overwrite": False,
    }
    return BatchOptions(**(usual | changed))


def csv_format(endpoint: str = "/translation", column: str = "text", id_column: str = "", **changed: Any) -> Csv:
    how: dict[str, Any] = {"delimiter": ",", "excel_safe": False, "bom": False}
    return Csv(endpoint, column, id_column, **(how | changed))


def jsonl_format(column: str = "text", id_column: str = "id") -> Jsonl:
    return Jsonl(column, id_column)


def rows_of(format: Format, data: bytes) -> list[Row]:
    format.begin(io.BytesIO(data))
    return list(format.rows())


def texts(count: int) -> list[Row]:
    return [Row(number=number, id=number, text=f"text {number}", size=10) for number in range(1, count + 1)]


def run(work: Coroutine[Any, Any, Result]) -> Result:
    return asyncio.run(work)
