"""A real Prometheus that scrapes a running system finds what the dashboard, the alerts and docs/metrics.md ask for."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import yaml

from broker.admin.rights import Role
from broker.keys import Keys
from broker.messages import Lane
from monitoring.dashboard import every_panel, expression
from monitoring.panels import AS_STATUS
from tests.contract.users import url_as
from tests.faults.kit.command import jitney
from tests.integration.monitoring.watched import RATE, RULES, Watched, watched
from tests.integration.stack import NAMESPACE
from tests.prometheus_server import needs_prometheus
from tests.unit.test_metrics_page import PAGE, ROW
from tests.waiting import until

pytestmark = [needs_prometheus, pytest.mark.timeout(120)]

SELECTOR = re.compile(r"\bjitney_\w+(?:\{[^}]*\})?")
# In this system there is none of it, as it is well or does no such thing.
NOT_HERE = {"batches {{status}}", "webhooks {{fate}}"}
SCRAPED = 2.5  # seconds after which what was seen then has been scraped


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched(tmp_path_factory.mktemp("watched")) as running:
        yield running


def asked(ask: str) -> str:
    """As Grafana sends it, with all namespaces chosen."""
    return expression(ask).replace("$namespace", ".*").replace("$__rate_interval", RATE)


def test_every_panel_of_the_dashboard_has_data(made: Watched) -> None:
    without = [
        f"{panel.title}: {ask}"
        for panel in every_panel()
        for ask, legend in panel.asks
        if legend not in NOT_HERE and not [one for one in made.prometheus.ask(asked(ask)) if one["value"][1] != "NaN"]
    ]

    assert without == []


def test_every_series_that_an_alert_looks_at_is_there(made: Watched) -> None:
    rules = [rule for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"] for rule in group["rules"]]

    looked_at = {selector for rule in rules for selector in SELECTOR.findall(rule["expr"])}
    assert {selector for selector in looked_at if not made.prometheus.ask(selector)} == set()
    assert made.prometheus.errors() == {}


def test_every_example_of_the_page_is_answered(made: Watched) -> None:
    for *_, example in ROW.findall(PAGE):
        made.prometheus.ask(example)


def test_promtool_has_nothing_to_say_about_any_page(made: Watched) -> None:
    assert shutil.which("promtool")
    for one in made.processes:
        check = subprocess.run(["promtool", "check", "metrics"], input=one.metrics(), capture_output=True, text=True)

        assert (check.returncode, check.stdout + check.stderr) == (0, ""), one.title


def test_jitney_status_and_the_dashboard_agree(made: Watched) -> None:
    """While jobs wait, and nobody computes them or writes the history."""
    made.writer.kill()
    made.send("the last row")
    [batcher] = made.system.batchers
    batcher.pause()
    try:
        with clients(made, [["a", "b"], ["c"], ["d", "e", "f"]]):
            [model] = [one["model"] for one in status(made)["models"]]
            made.system.redis.rpush(Keys(NAMESPACE).dead(model), b"one")
            until(lambda: status(made)["models"][0]["batchers"] == 0, "the batcher is missed")
            time.sleep(SCRAPED)

            began, told, seen = time.monotonic(), of_status(status(made)), of_dashboard(made)
            passed = time.monotonic() - began
            alerts = made.prometheus.alerts()
            batcher.resume()
    finally:
        batcher.resume()

    age, told_age = seen.pop("Oldest job"), told.pop("Oldest job")
    assert seen == told
    assert told_age - SCRAPED <= age <= told_age + passed and age > 4.0
    assert told["Jobs waiting"] >= 4  # the first two may have been claimed for the batcher that was to pause
    assert told["Dead letters"] == 1 and told["History's blocks"] > 0 and told["Refused by limits"] > 0
    assert {"JitneyQueueWithoutBatcher", "JitneyDeadLetters", "JitneyHistoryNotWritten"} <= set(alerts)
    assert alerts["JitneyDeadLetters"] == "firing"


# The last one: its batcher stays away.
def test_a_model_that_is_down_is_told_of_though_nothing_waits(made: Watched) -> None:
    until(lambda: status(made)["models"][0]["batchers"] == 1, "the batcher is back")
    until(lambda: "JitneyQueueWithoutBatcher" not in made.prometheus.alerts(), "all is well again", within=20.0)
    [batcher] = made.system.batchers
    batcher.kill()
    until(lambda: status(made)["models"][0]["batchers"] == 0, "the batcher is missed")

    made.send("in vain")
    until(lambda: "JitneyQueueWithoutBatcher" in made.prometheus.alerts(), "somebody is told", within=20.0)

    assert made.prometheus.value("sum(jitney_queue_jobs) + sum(jitney_claimed_jobs)") == 0
    assert (made.prometheus.value("sum(jitney_requests_without_batcher_total)") or 0) >= 1


@contextlib.contextmanager
def clients(made: Watched, requests: Sequence[Sequence[str]]) -> Iterator[None]:
    """They wait for their answers while the block lasts, and not for long after it."""
    patience = {**made.headers, "X-Request-Timeout": "12"}
    threads = [threading.Thread(target=made.send, args=texts, kwargs={"headers": patience}) for texts in requests]
    for thread in threads:
        thread.start()
        time.sleep(0.2)
    try:
        yield
    finally:
        for thread in threads:
            thread.join()


def status(made: Watched) -> Any:
    return jitney("status", "--json", url=url_as(Role.OPERATOR, made.system.broker.url)).json()


def of_status(said: Any) -> dict[str, float]:
    """By the title of the panel that shows it."""
    lanes = [model["lanes"][lane] for model in said["models"] for lane in Lane]
    return {
        "Jobs waiting": sum(lane["jobs"] for lane in lanes),
        "Oldest job": max(lane["oldest_age"] for lane in lanes),
        "Batchers": sum(model["batchers"] for model in said["models"]),
        "Dead letters": sum(model["dead"] for model in said["models"]),
        "Refused by limits": sum(limit["refused"] for one in said["callers"]["callers"] for limit in one["limits"]),
        "History's blocks": said["history"]["waiting"],
    }


def of_dashboard(made: Watched) -> dict[str, float]:
    """What the panels show that say that they are as `jitney status`."""
    panels = [one for one in every_panel() if AS_STATUS in one.says or one.title == "Refused by limits"]
    values = {one.title: made.prometheus.value(asked(one.asks[0][0])) for one in panels}
    return {title: value for title, value in values.items() if value is not None}
