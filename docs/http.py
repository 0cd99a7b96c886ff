"""Writes http.md from the document that a front end serves as /openapi.json: `make settings`. A test says when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from server.api.described.openapi import Live, document
from server.api.operation import ALWAYS, Operation
from server.api.operations import ALWAYS_THERE, CALL
from server.callers.identification import OPEN
from server.dialects.families import FAMILIES
from server.errors import ASKS_TO_COME_BACK, KINDS
from server.settings import ServerSettings

PAGE = Path(__file__).with_suffix(".md")
Json = dict[str, Any]

INTRODUCTION = f"""\
# HTTP

All that a front end can be asked. The same for machines, with the types of all bodies, is a front end's own
`/openapi.json` (OpenAPI 3.1, with the models that live at that moment); `/docs` shows it and tries it out. This page is
written by `make settings` from that document. Fields in brackets may be left out.

Besides what stands in the tables any address may answer {", ".join(str(status) for status in ALWAYS)}. Where
[keys](keys.md) are asked for also 401, 403, 429 and 503, unless it is a GET of
{", ".join(f"`{path}`" for path in sorted(OPEN))}. An
address that leads nowhere answers 404, a method that it does not take 405 with `Allow`. `OPTIONS` says which there are,
and `HEAD` goes wherever `GET` does.
"""
OF_BODIES = """\
## Bodies

Our own are `{"payload": {…}}`, and the answers `{"result": [{"id": …, …}]}`, a row for each record in their order; a
record that fails has an `error` with `code` and `message` in its place. Where pictures are taken the body may be a
picture itself, with the fields behind the `?`: [images.md](images.md).
"""
OF_PROBLEMS = """\
## Problems

A request that ends without a result is answered with `application/problem+json` (RFC 9457): `type`, `title`, `status`,
`detail`, `instance`, and the stable `code` and `request_id`; APIs of others spell it their way. With 429 and 503 comes
`Retry-After`.

"""
TITLES = {
    "native": "Jitney's own",
    "openai": "OpenAI's",
    "huggingface": "Hugging Face's",
    "tei": "text-embeddings-inference",
    "rerank": "Jina's and Cohere's rerankers",
    "libretranslate": "LibreTranslate",
    "deepl": "DeepL",
    "oip": "The Open Inference Protocol and its kin",
}
PAYLOADS = ("Translation", "Classification", "ImageClassification", "Embedding", "Rerank", "Clustering", "Any")


@cache
def described() -> Json:
    """The document of a front end that has everything switched on and no model."""
    return document("", ServerSettings(webhooks=True), Live())


def page() -> str:
    """The whole of http.md."""
    return "\n".join([INTRODUCTION, addresses(), bodies(), sent(), asked(), answered(), problems()])


def addresses() -> str:
    """Every method at every address, by the API that it belongs to."""
    parts = ["## Addresses\n\n`--dialects` chooses which APIs are spoken; what is always there comes last.\n"]
    for name, operations in spoken().items():
        parts.append(f"### {TITLES[name]}\n\n{_listed(operations)}")
    parts.append(f"### Always there\n\n{_listed(ALWAYS_THERE)}")
    return "\n".join(parts)


def spoken() -> Mapping[str, list[Operation]]:
    """The operations of each API."""
    found: dict[str, list[Operation]] = defaultdict(list)
    for family in FAMILIES:
        found[family.name] += family.operations
    return found


def _listed(operations: Iterable[Operation]) -> str:
    """An address that takes several kinds of bodies has a row for each."""
    answers: dict[Sequence[str], set[int]] = defaultdict(set)
    for one in operations:
        answers[f"`{one.method.upper()} {one.path}`", one.summary, _fields(one)] |= _statuses(one)
    rows = ((*row, ", ".join(map(str, sorted(statuses)))) for row, statuses in answers.items())
    return table(("address", "what it does", "fields", "answers"), rows)


def _fields(one: Operation) -> str:
    """Of its body; those that may be left out in brackets."""
    kind = one.body or one.form
    schema = described()["components"]["schemas"].get(kind.__name__, {}) if kind is not None else {}
    required = schema.get("required", ())
    return ", ".join(f"`{name}`" if name in required else f"[`{name}`]" for name in schema.get("properties", ()))


def _statuses(one: Operation) -> set[int]:
    return {one.ok, *one.further, *one.problems, *([503] if one.unwell else [])} - set(ALWAYS)


def bodies() -> str:
    """The fields of our own bodies."""
    schemas = described()["components"]["schemas"]
    parts = [OF_BODIES]
    for name in PAYLOADS:
        paths = [one.path for one in (*spoken()["native"], CALL) if one.body.__name__ == f"{name}Request"]
        where = ", ".join(f"`{path}`" for path in dict.fromkeys(paths))
        schema = schemas[f"{name}Payload"]
        rows = (_field(field, kind, schema["required"]) for field, kind in schema["properties"].items())
        parts.append(f"### {where}\n\n{table(('field', 'type', 'default', 'meaning'), rows)}")
    return "\n".join(parts)


def _field(name: str, schema: Json, required: Sequence[str]) -> Sequence[str]:
    default = "required" if name in required else _default(schema)
    return f"`{name}`", kind_of(schema), default, schema.get("description", "")


def sent() -> str:
    """The headers of requests."""
    rows = (
        (f"`{name}`", said[0]["description"], kind_of(said[0]["schema"]), where(paths))
        for name, (said, paths) in _parameters("header")
    )
    return "## Headers that a client may send\n\n" + table(("header", "meaning", "type", "where"), rows)


def asked() -> str:
    """What may stand behind the question mark."""
    rows = (
        (f"`{name}`", one["description"], kind_of(one["schema"]), f"`{path}`")
        for name, (said, paths) in _parameters("query")
        for one, path in zip(said, paths, strict=True)
    )
    return "## Behind the question mark\n\n" + table(("parameter", "meaning", "type", "where"), rows)


def answered() -> str:
    """The headers of answers."""
    found: dict[str, tuple[str, dict[str, None], list[str]]] = {}
    for path, told in _operations():
        for status, answer in told["responses"].items():
            for name, header in answer.get("headers", {}).items():
                _, statuses, paths = found.setdefault(name, (header["description"], {}, []))
                statuses[status], _ = None, paths.append(path)
    rows = (
        (f"`{name}`", meaning, _with(statuses), where(list(dict.fromkeys(paths))))
        for name, (meaning, statuses, paths) in found.items()
    )
    return "## Headers of answers\n\n" + table(("header", "meaning", "with", "where"), rows)


def _with(statuses: Iterable[str]) -> str:
    every = {status for _, told in _operations() for status in told["responses"]}
    return "any status" if set(statuses) == every else ", ".join(sorted(statuses))


def problems() -> str:
    """Every code of a problem document."""
    rows = (
        (f"`{code}`", str(kind.status), kind.title, "yes" if kind.status in ASKS_TO_COME_BACK else "")
        for code, kind in sorted(KINDS.items(), key=lambda one: one[1].status)
    )
    return OF_PROBLEMS + table(("code", "status", "title", "come back"), rows)


def _operations() -> Iterator[tuple[str, Json]]:
    for path, methods in described()["paths"].items():
        for told in methods.values():
            yield path, told


def _parameters(place: str) -> Iterable[tuple[str, tuple[list[Json], list[str]]]]:
    found: dict[str, tuple[list[Json], list[str]]] = {}
    for path, told in _operations():
        for one in told["parameters"]:
            if one["in"] == place:
                said, paths = found.setdefault(one["name"], ([], []))
                said.append(one)
                paths.append(path)
    return found.items()


def where(paths: Sequence[str]) -> str:
    """The addresses, or a word for those that are many."""
    if set(paths) == {path for path, _ in _operations()}:
        return "everywhere"
    if set(paths) == {path for path, told in _operations() if _is_by_models(told)}:
        return "wherever a model answers"
    return ", ".join(f"`{path}`" for path in paths) if len(paths) <= 12 else "see /openapi.json"


def _is_by_models(told: Json) -> bool:
    return "Server-Timing" in told["responses"].get("200", {}).get("headers", {})


def kind_of(schema: Json) -> str:
    """A type in a few words."""
    if "$ref" in schema:
        return f"`{schema['$ref'].rsplit('/', 1)[-1]}`"
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind_of(one) for one in schema["anyOf"] if not _is_unsaid(one)))
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    words = (("minimum", "≥"), ("maximum", "≤"))
    bounds = [f"{word} {_number(schema[name])}" for name, word in words if name in schema]
    return " ".join([schema.get("type", "any"), ", ".join(bounds)]).strip()


def _is_unsaid(schema: Json) -> bool:
    """That a field may be null, and a whole number a float, goes without saying."""
    return schema.get("type") == "null" or "multipleOf" in schema


def _number(value: float) -> str:
    return f"{value:,.3f}".rstrip("0").rstrip(".")


def _default(schema: Json) -> str:
    value = schema.get("default")
    return "" if value is None else f"`{value}`"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
