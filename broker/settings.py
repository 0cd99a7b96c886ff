"""Settings are tables: frozen dataclasses whose every field is a flag, an environment variable and a row in docs."""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, NoReturn, TypeVar, get_type_hints

from broker.common.masking import masked
from broker.common.masking import shown as shown

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


class Parser(argparse.ArgumentParser):
    """Flag beats environment beats default. What is wrong is said of whatever it came from: `--port` or JITNEY_PORT."""

    def __init__(self, prog: str, description: str, environ: Mapping[str, str]) -> None:
        super().__init__(prog=prog, description=description, allow_abbrev=False)
        self._environ = environ
        self._readers: dict[str, Callable[[str], Any]] = {}
        self._from_environ: set[str] = set()

    def add_row(self, row: Field[Any], kind: Any) -> None:
        """A flag that shows its environment twin and its default."""
        read, is_required = _reader(row, kind), row.default is MISSING
        text = f"{row.metadata['help']} [env: {env_name(row.name)}]"
        if not is_required:
            text += f" [default: {row.default!r}]" if row.default == "" else f" [default: {row.default}]"
        self._readers[row.name] = read
        self.add_argument(
            flag_name(row.name),
            type=read,
            default=argparse.SUPPRESS,
            required=is_required and env_name(row.name) not in self._environ,
            help=text.replace("%", "%%"),
            metavar=row.name.upper(),
        )

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:  # the flags given; the rest is filled in
        values = super().parse_args(args, namespace)
        for name, read in self._readers.items():
            if name not in values and (text := self._environ.get(env_name(name))) is not None:
                self._from_environ.add(name)
                setattr(values, name, self._read(name, read, text))
        return values

    def refuse(self, complaints: Sequence[str]) -> None:
        """End with these, if there are any; a setting is called as whoever set it did."""
        if complaints:
            self.error("; ".join(map(self.as_given, complaints)))

    def error(self, message: str) -> NoReturn:
        super().error(masked(message))

    def _read(self, name: str, read: Callable[[str], Any], text: str) -> Any:
        try:
            return read(text)
        except argparse.ArgumentTypeError as error:
            self.error(f"{env_name(name)}: {error}")
        except ValueError:
            self.error(f"{env_name(name)}: invalid {read.__name__} value: {text!r}")

    def as_given(self, complaint: str) -> str:
        """The same, said of variables instead of flags where the settings came from those."""
        for name in self._from_environ:
            # A bare word may be any word: it is a setting's name where the complaint begins with it.
            called = rf"(?<![\w-]){flag_name(name)}(?![\w-])|{'^' if '_' not in name else ''}\b{name}\b(?= must)"
            complaint = re.sub(called, env_name(name), complaint)
        return complaint


def parser_for(prog: str, description: str, *tables: type, environ: Mapping[str, str] = os.environ) -> Parser:
    """Every row of these tables as a flag."""
    parser = Parser(prog, description, environ)
    for row, kind in rows(*tables):
        parser.add_row(row, kind)
    return parser


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
    return table(**{row.name: getattr(values, row.name) for row in fields(table) if row.name in values})  # type: ignore[arg-type]
