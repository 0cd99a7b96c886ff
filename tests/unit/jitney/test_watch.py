"""Look after look: in place on a terminal, line by line elsewhere; a broker that goes away is waited for."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest

from broker.common.diagnosis import Diagnosis
from broker.errors import BrokerError, BrokerUnavailable
from broker.settings import BrokerSettings
from jitney.admin import watch
from jitney.admin.snapshot import NotSeen, Snapshot, explained
from tests.unit.jitney.snapshots import model, snapshot

WHY = Diagnosis(tried="redis://h:1/0", cause="nothing listens there", remedy="start the broker")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Callable[[], Snapshot]]:
    """Answers in this order, then Ctrl-C."""

    def make(*answers: Snapshot | NotSeen) -> Callable[[], Snapshot]:
        left = list(answers)

        def look() -> Snapshot:
            answer = left.pop(0)
            if isinstance(answer, NotSeen):
                raise answer
            return answer

        def rest(seconds: float) -> None:
            if not left:
                raise KeyboardInterrupt

        monkeypatch.setattr("jitney.admin.watch.time.sleep", rest)
        return look

    return make


def run(look: Callable[[], Snapshot], *, as_json: bool = False) -> None:
    with pytest.raises(KeyboardInterrupt):
        watch._watch(look, 2.0, as_json)


def test_a_broker_that_goes_away_and_comes_back_is_followed(looks, capsys: pytest.CaptureFixture[str]) -> None:
    run(looks(snapshot(model()), NotSeen(WHY), snapshot(model())), as_json=True)

    seen = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ["models" in look for look in seen] == [True, False, True]
    assert seen[1]["error"] == {"tried": WHY.tried, "cause": WHY.cause, "remedy": WHY.remedy}


def test_an_outage_is_told_with_cause_and_remedy(looks, capsys: pytest.CaptureFixture[str]) -> None:
    run(looks(NotSeen(WHY)))

    said = capsys.readouterr().out
    assert "nothing listens there" in said and "start the broker" in said and "asked again every 2 s" in said


def test_on_a_terminal_each_look_overwrites_the_last_and_fits_in(
    looks, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr("jitney.admin.watch.shutil.get_terminal_size", lambda: os.terminal_size((50, 12)))
    many = [model(f"m{at}@r", dead=at // 39) for at in range(40)]

    run(looks(snapshot(*many), snapshot(*many)))

    first, second = capsys.readouterr().out.split(watch.HOME)[1:]
    assert first.count("\n") == second.count("\n") == 11
    assert "1 dead letter" in second
    assert "lines more" in second and second.endswith(watch.CLEAR_BELOW)


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (BrokerError("NOPERM this user has no permissions"), "jitney doctor --role operator"),
        (BrokerUnavailable("ConnectionRefused"), "`jitney up`"),
    ],
)
def test_an_operator_is_told_what_helps_an_operator(error: BrokerError, remedy: str) -> None:
    with pytest.raises(NotSeen) as raised, explained(BrokerSettings().redis_url):
        raise error

    assert remedy in raised.value.why.remedy
