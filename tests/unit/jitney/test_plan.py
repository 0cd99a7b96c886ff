"""What `jitney up` would start, and where it would listen."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from jitney.up.command import PortTaken, take_port
from jitney.up.plan import ChildSpec, ModelSpec, Role, UsageError, children, default_models, own_name, read_models

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("synthetic:10ms+0.5ms", "synthetic"),
        ("synthetic:1ms+0ms,faults=on", "synthetic"),
        ("translation:demo/translation", "translation"),
        ("translation:demo/translation/", "translation"),
        ("translation:facebook/m2m100_418M,dtype=bf16", "m2m100_418m"),
        ("translation:facebook/m2m100_418M,name=big", "big"),
        ("my_models:Shout", "shout"),
    ],
)
def test_a_model_is_called_after_the_last_word_of_its_spec(spec: str, name: str) -> None:
    assert own_name(spec) == name


@pytest.mark.parametrize(
    ("spec", "module"),
    [
        ("my_models:Shout", "my_models"),
        ("pkg.my_models:Shout,dtype=bf16", "pkg.my_models"),
        ("translation:facebook/m2m100_418M", ""),
        ("classification:demo", ""),
        ("image-classification:demo", ""),
        ("synthetic:10ms+0.5ms", ""),
    ],
)
def test_the_module_of_an_own_model_is_known(spec: str, module: str) -> None:
    assert ModelSpec(name="it", spec=spec).module == module


def test_a_model_that_is_reloaded_is_not_taken_from_a_compiled_file() -> None:
    ports = iter(range(1, 9))
    models = read_models(["my_models:Shout", "synthetic:1ms+0ms"])

    table = children(models, 1, "127.0.0.1", 9527, "redis://h", lambda: next(ports), reloads=True)

    assert ["PYTHONDONTWRITEBYTECODE" in spec.fallback for spec in table] == [True, False, False]


def test_a_history_has_a_writer_that_front_ends_bring_rows_to_and_that_ends_after_them() -> None:
    ports = iter(range(1, 9))
    place = "postgresql://u:secret@h/x"

    table = children(read_models(["synthetic:1ms+0ms"]), 1, "::", 9527, "redis://h", lambda: next(ports), history=place)

    by_role = {spec.role: spec for spec in table}
    assert [*Role] == [Role.FRONT_END, Role.HISTORY, Role.BATCHER, Role.BROKER]
    assert by_role[Role.FRONT_END].environ["JITNEY_HISTORY"] == "on"
    assert by_role[Role.HISTORY].environ["JITNEY_HISTORY_DATABASE"] == place
    assert not any("secret" in word for spec in table for word in spec.command)
    assert not any(name.startswith("JITNEY_HISTORY") for name in by_role[Role.BATCHER].environ)


def test_a_name_before_the_spec_wins() -> None:
    models = read_models(["m2m=translation:facebook/m2m100_418M"])

    assert models == [ModelSpec(name="m2m", spec="translation:facebook/m2m100_418M")]


def test_an_option_of_a_spec_is_not_taken_for_a_name() -> None:
    models = read_models(["synthetic:1ms+0ms,faults=on"])

    assert models == [ModelSpec(name="synthetic", spec="synthetic:1ms+0ms,faults=on")]


def test_two_models_of_one_name_are_refused_with_the_remedy() -> None:
    with pytest.raises(UsageError, match=r"--model NAME=classification:b/small"):
        read_models(["classification:a/small", "classification:b/small"])


def test_the_same_model_twice_is_two_batchers() -> None:
    table = _table(["synthetic:1ms+0ms", "synthetic:1ms+0ms"])

    assert [spec.title for spec in table[:2]] == ["batcher synthetic 1", "batcher synthetic 2"]


def test_a_spec_that_says_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="write KIND:WHERE"):
        read_models(["translation:"])


def test_without_a_model_the_demo_models_are_taken_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "demo/translation").mkdir(parents=True)

    models = default_models(tmp_path)

    assert models == [ModelSpec(name="translation", spec="translation:demo/translation")]


def test_the_demo_models_are_called_as_make_serve_calls_them() -> None:
    asked = re.findall(r"--model (\S+)", (ROOT / "Makefile").read_text("utf-8"))

    assert len(asked) == 3
    assert default_models(ROOT) == read_models(asked)


def test_without_demo_models_the_synthetic_one_is_taken(tmp_path: Path) -> None:
    assert [model.name for model in default_models(tmp_path)] == ["synthetic"]


def test_each_model_gets_a_batcher_and_the_front_ends_follow() -> None:
    table = _table(["a=x:X", "b=y:Y"], front_ends=2)

    assert [spec.title for spec in table] == ["batcher a", "batcher b", "front end 1", "front end 2"]


def test_front_ends_share_one_port() -> None:
    front_ends = [spec.command[2:] for spec in _table(["a=x:X"], front_ends=2) if spec.role is Role.FRONT_END]

    assert front_ends == [("server", "--host", "h", "--port", "9527", "--reuse-port", "on")] * 2


def test_a_batcher_is_told_its_model_and_name() -> None:
    assert _table(["a=x:X"])[0].command[2:] == ("batcher", "--model", "x:X", "--name", "a")


def test_front_ends_end_at_once_unless_a_person_wants_otherwise() -> None:
    front_end = _table(["a=x:X"])[-1]

    assert front_end.fallback["JITNEY_DRAIN_SECONDS"] == "0"


def test_the_brokers_url_is_in_no_command_line() -> None:
    assert not any("secret" in word for spec in _table(["a=x:X"]) for word in spec.command)


def test_every_child_has_a_metrics_port_of_its_own() -> None:
    ports = [spec.metrics_port for spec in _table(["a=x:X", "b=y:Y"], front_ends=2)]

    assert len(set(ports)) == 4


def test_a_port_that_somebody_listens_on_is_refused_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        with pytest.raises(PortTaken, match=rf"port {port} on 127\.0\.0\.1 is taken: .* --port"):
            take_port("127.0.0.1", port)


def test_an_address_that_is_not_ours_is_refused() -> None:
    with pytest.raises(PortTaken, match="--host"):
        take_port("192.0.2.1", 0)


def _table(models: Sequence[str], front_ends: int = 1, *, is_verbose: bool = False) -> list[ChildSpec]:
    ports = iter(range(1, 99))
    specs, url = read_models(models), "redis://:secret@r"
    return children(specs, front_ends, "h", 9527, url, lambda: next(ports), is_verbose=is_verbose)


def test_children_say_only_what_goes_wrong_unless_a_person_wants_more() -> None:
    quiet, verbose = _table(["a=x:X"]), _table(["a=x:X"], is_verbose=True)

    assert {child.fallback["JITNEY_LOG_LEVEL"] for child in quiet} == {"warning"}
    assert {child.environ["JITNEY_LOG_LEVEL"] for child in verbose} == {"info"}
    assert "JITNEY_LOG_LEVEL" not in quiet[0].environ  # one that is set already holds
