"""What `python -m benchmarks load` sends, for teams that have Locust. It needs nothing but this file.

    ENDPOINT=/models/synthetic locust -f locustfile.py --headless -H http://127.0.0.1:9527 -u 64 -r 64 -t 30s
    FROM_LANG=en TO_LANG=ja TEXTS_FILE=sentences.txt RECORDS=16 locust -f locustfile.py -H http://127.0.0.1:9527

Locust is a closed loop: a user sends nothing while it waits. With RATE=2 each of them sends at most twice a second; as
long as there are so many that most of them idle, that comes near an open loop, but a stall of the server is hidden.
"""

from __future__ import annotations

import os
import re
from itertools import count, cycle, islice
from pathlib import Path

from locust import FastHttpUser, constant, constant_throughput, events, task

LANGUAGES = {"fromLang": os.environ.get("FROM_LANG"), "toLang": os.environ.get("TO_LANG")}
ENDPOINT = os.environ.get("ENDPOINT") or ("/translation" if LANGUAGES["fromLang"] else "/models/synthetic")
RECORDS = int(os.environ.get("RECORDS", "1"))  # in each request
RATE = float(os.environ.get("RATE", "0"))  # requests a second of each user; 0: as soon as it is answered
TEXT = "Life is like a box of chocolates."
FILE = os.environ.get("TEXTS_FILE")
TEXTS = [line for line in Path(FILE).read_text("utf-8").splitlines() if line.strip()] if FILE else [TEXT]
STAGE = re.compile(r"(queue|window|compute|return);dur=([\d.]+)")  # milliseconds

requests = count()


def body() -> dict[str, object]:
    """The next one: every text is used, in turn."""
    start = next(requests) * RECORDS % len(TEXTS)
    texts = islice(cycle(TEXTS), start, start + RECORDS)
    records = [{"id": str(number), "text": text} for number, text in enumerate(texts)]
    return {"payload": {**{name: value for name, value in LANGUAGES.items() if value}, "records": records}}


class Caller(FastHttpUser):
    """Asks for one answer after the other."""

    wait_time = constant_throughput(RATE) if RATE else constant(0)

    @task
    def ask(self) -> None:
        with self.client.post(ENDPOINT, json=body(), catch_response=True) as response:
            if response.status_code == 200 and '"error":{' in (response.text or ""):
                response.failure("200, records failed")
            for stage, milliseconds in STAGE.findall(response.headers.get("Server-Timing") or ""):
                told = {"request_type": "STAGE", "name": stage, "response_time": float(milliseconds)}
                events.request.fire(**told, response_length=0, exception=None, context={})
