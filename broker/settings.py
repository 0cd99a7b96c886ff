"""Settings are tables: frozen dataclasses whose every field is a flag, an environment variable and a row in docs."""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, TypeVar, get_type_hints
from urllib.parse import urlsplit

PREFIX = "JITNEY_"
NAME = r"[a-z0-9._-]+"  # what stands in keys and in paths
TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")

Table = TypeVar("Table")


def setting(default: Any, help: str, *, choices: Sequence[str] = (), pattern: str = "") -> Any:
    """One row: its default, and what it means with its unit; for words also which there are, or their spelling."""
    return field(default=default, metadata={"help": help, "choices": tuple(choices), "pattern": pattern})


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """How to reach the broker; the same for every process."""

    redis_url: str = setting("redis://127.0.0.1:6379/0", "the broker: redis://, rediss:// or unix://")
    namespace: str = setting("default", "deployments that share one broker differ in this", pattern=NAME)


def shown(url: str) -> str:
    """The URL without its password: fit for a log. Where that is in doubt it shows the scheme only."""
    try:
        parts = urlsplit(url)
        user, at, host = parts.netloc.rpartition("@")
        _ = urlsplit(f"//{host}").port
    except ValueError:
        return _scheme_only(url)
    if "@" in url and not at and parts.scheme != "unix":  # a password with a '#', '/' or '?' in it
        return _scheme_only(url)
    hidden = f"{user.split(':')[0]}:…@{host}" if at and ":" in user else parts.netloc
    return f"{parts.scheme}://{hidden}{parts.path}"


def _scheme_only(url: str) -> str:
    return f"{url.partition('://')[0]}://…" if "://" in url else "…"


def env_name(name: str) -> str:
    """`max_wait` → `JITNEY_MAX_WAIT`."""
    return PREFIX + name.upper()


def flag_name(name: str) -> str:
    """`max_wait` → `--max-wait`."""
    return "--" + name.replace("_", "-")


def rows(*tables: type) -> list[tuple[Field[Any], Any]]:
    """Every field of these tables with its type, each name once."""
    found: dict[str, tuple[Field[Any], Any]] = {}
    for table in tables:
        hints = get_type_hints(table)
        for row in fields(table):
            found.setdefault(row.name, (row, hints[row.name]))
    return list(found.values())


def parser_for(
    prog: str, description: str, *tables: type, environ: Mapping[str, str] = os.environ
) -> argparse.ArgumentParser:
    """Every flag shows its environment twin and its default. Flag beats environment beats default."""
    parser = argparse.ArgumentParser(prog=prog, description=description, allow_abbrev=False)
    for row, kind in rows(*tables):
        _add(parser, row, kind, environ)
    return parser


def _add(parser: argparse.ArgumentParser, row: Field[Any], kind: Any, environ: Mapping[str, str]) -> None:
    required = row.default is MISSING
    fallback = None if required else row.default
    text = f"{row.metadata['help']} [env: {env_name(row.name)}]"
    if not required:
        text += f" [default: {row.default!r}]" if row.default == "" else f" [default: {row.default}]"
    parser.add_argument(
        flag_name(row.name),
        type=_reader(row, kind),
        default=environ.get(env_name(row.name), fallback),
        required=required and env_name(row.name) not in environ,
        help=text.replace("%", "%%"),
        metavar=row.name.upper(),
    )


def _reader(row: Field[Any], kind: Any) -> Any:
    choices = row.metadata.get("choices", ())

    def read(text: str) -> Any:
        if kind is bool:
            return _truth(text)
        if choices and text not in choices:
            raise argparse.ArgumentTypeError(f"choose one of {', '.join(choices)}")
        if (pattern := row.metadata.get("pattern")) and not re.fullmatch(pattern, text):
            raise argparse.ArgumentTypeError(f"'{text}' is not spelled as {pattern}")
        value = kind(text)
        if isinstance(value, float) and not math.isfinite(value):
            raise argparse.ArgumentTypeError("say a finite number")
        return value

    read.__name__ = getattr(kind, "__name__", str(kind))
    return read


def _truth(text: str) -> bool:
    if text.lower() not in TRUE + FALSE:
        raise argparse.ArgumentTypeError("say on or off")
    return text.lower() in TRUE


def pick(table: type[Table], values: argparse.Namespace) -> Table:
    """This table's rows out of what the parser read."""
    return table(**{row.name: getattr(values, row.name) for row in fields(table)})  # type: ignore[arg-type]
