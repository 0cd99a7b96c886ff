"""The description of an address that several APIs share: whatever one of them takes or answers. Pure."""

from __future__ import annotations

from server.api.described.schemas import Json


def joined(one: Json, other: Json) -> Json:
    """Two descriptions of one method at one address."""
    summaries = dict.fromkeys((one["summary"], other["summary"]))
    found = one | {"summary": ". Or: ".join(summaries)}
    found["parameters"] = _parameters(one, other)
    found["responses"] = _responses(one["responses"], other["responses"])
    if "requestBody" in one and "requestBody" in other:
        content = _content(one["requestBody"]["content"], other["requestBody"]["content"])
        found["requestBody"] = one["requestBody"] | {"content": content}
    return found


def _parameters(one: Json, other: Json) -> list[Json]:
    by_name = {(said["in"], said["name"]): said for said in [*other["parameters"], *one["parameters"]]}
    return list(by_name.values())


def _responses(one: Json, other: Json) -> Json:
    found = other | one
    for status in one.keys() & other.keys():
        found[status] = one[status] | {"headers": _headers(one[status], other[status])}
        if "content" in one[status] or "content" in other[status]:
            found[status]["content"] = _content(one[status].get("content", {}), other[status].get("content", {}))
    return dict(sorted(found.items()))


def _headers(one: Json, other: Json) -> Json:
    """Only what both promise is promised."""
    found: Json = other["headers"] | one["headers"]
    return {
        name: said | {"required": all(each["headers"].get(name, {}).get("required") for each in (one, other))}
        for name, said in found.items()
    }


def _content(one: Json, other: Json) -> Json:
    found = other | one
    for media_type in one.keys() & other.keys():
        found[media_type] = one[media_type] | {"schema": _either(one[media_type], other[media_type])}
    return found


def _either(one: Json, other: Json) -> Json:
    schemas = [kind for each in (one, other) for kind in each["schema"].get("anyOf", [each["schema"]])]
    found: list[Json] = []
    for schema in schemas:
        found += [schema] if schema not in found else []
    return found[0] if len(found) == 1 else {"anyOf": found}
