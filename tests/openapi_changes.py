"""What a newer OpenAPI document takes away from whoever relies on an older one.

Within v1 fields, events, enum values and codes are only added. No well-kept Python library compares two documents of
OpenAPI 3.1, so the few rules that the contract needs stand here (docs/decisions/0012).
"""

from collections.abc import Iterator
from typing import Any

METHODS = ("get", "post", "patch", "put", "delete")


def breaking_changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Each in a sentence; nothing, if every request that was right still is, and every answer is still understood."""
    found: list[str] = []
    for path, item in old["paths"].items():
        for method in METHODS:
            if method not in item:
                continue
            place = f"{method.upper()} {path}"
            now = new["paths"].get(path, {}).get(method)
            if now is None:
                found.append(f"{place} is gone")
                continue
            found.extend(f"{place}: {each}" for each in _operation(item[method], now, _Documents(old, new)))
    for name, entry in old.get("webhooks", {}).items():
        now = new.get("webhooks", {}).get(name)
        if now is None:
            found.append(f"the webhook {name} is gone")
            continue
        found.extend(f"the webhook {name}: {each}" for each in _webhook(entry["post"], now["post"], old, new))
    return found


def _webhook(old: dict[str, Any], new: dict[str, Any], *documents: dict[str, Any]) -> Iterator[str]:
    headers = {each["name"] for each in new["parameters"]}
    yield from (f"the header {each['name']} is gone" for each in old["parameters"] if each["name"] not in headers)
    bodies = (each["requestBody"]["content"]["application/json"]["schema"] for each in (old, new))
    yield from given("the body", *bodies, *documents)


def given(place: str, old_schema: Any, new_schema: Any, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """What a schema of the old document no longer promises of what is sent, in the new one."""
    return _given(place, old_schema, new_schema, _Documents(old, new))


def taken(place: str, old_schema: Any, new_schema: Any, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """What a schema of the old document took that the one of the new document does not."""
    return _taken(place, old_schema, new_schema, _Documents(old, new))


class _Documents:
    def __init__(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        self.old, self.new = old, new

    def schemas(self, old: Any, new: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return _followed(self.old, old), _followed(self.new, new)


def _followed(document: dict[str, Any], schema: Any) -> dict[str, Any]:
    while "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        schema = found
    return schema


def _operation(old: dict[str, Any], new: dict[str, Any], documents: _Documents) -> Iterator[str]:
    if old["operationId"] != new["operationId"]:
        yield f"its operationId {old['operationId']} is now {new['operationId']}"
    yield from _parameters(old, new, documents)
    yield from _body(old, new, documents)
    for status, answer in old["responses"].items():
        if status.startswith("2"):
            if status not in new["responses"]:
                yield f"it no longer answers {status}"
                continue
            yield from _answer(answer, new["responses"][status], documents)
        elif status in new["responses"]:
            gone = _codes(answer) - _codes(new["responses"][status])
            yield from (f"the code {code} is gone" for code in sorted(gone))


def _codes(answer: dict[str, Any]) -> set[str]:
    for media in answer.get("content", {}).values():
        for part in media["schema"].get("allOf", []):
            if "properties" in part:
                return set(part["properties"]["code"]["enum"])
    return set()


def _parameters(old: dict[str, Any], new: dict[str, Any], documents: _Documents) -> Iterator[str]:
    before = {(each["in"], each["name"]): each for each in old.get("parameters", [])}
    now = {(each["in"], each["name"]): each for each in new.get("parameters", [])}
    for key, parameter in before.items():
        if key not in now:
            yield f"the parameter {key[1]} is gone"
        else:
            yield from _taken(f"the parameter {key[1]}", parameter["schema"], now[key]["schema"], documents)
    for key, parameter in now.items():
        if key not in before and parameter.get("required"):
            yield f"the parameter {key[1]} is new and required"


def _body(old: dict[str, Any], new: dict[str, Any], documents: _Documents) -> Iterator[str]:
    if "requestBody" not in old:
        if new.get("requestBody", {}).get("required"):
            yield "it now needs a body"
        return
    if "requestBody" not in new:
        yield "it no longer takes a body"
        return
    for media, described in old["requestBody"]["content"].items():
        if media not in new["requestBody"]["content"]:
            yield f"it no longer takes {media}"
            continue
        yield from _taken("the body", described["schema"], new["requestBody"]["content"][media]["schema"], documents)


def _answer(old: dict[str, Any], new: dict[str, Any], documents: _Documents) -> Iterator[str]:
    for name in old.get("headers", {}):
        if name not in new.get("headers", {}):
            yield f"the header {name} is gone"
    for media, described in old.get("content", {}).items():
        if media not in new.get("content", {}):
            yield f"it no longer answers {media}"
            continue
        yield from _given("the answer", described["schema"], new["content"][media]["schema"], documents)


def _options(document: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    schema = _followed(document, schema)
    return [_followed(document, each) for each in schema.get("anyOf", [schema])]


def _kinds(options: list[dict[str, Any]]) -> set[str]:
    kinds = {kind for each in options for kind in _listed(each.get("type")) if kind}
    return kinds | {"string" for each in options if "enum" in each or "const" in each}


def _listed(kind: Any) -> list[Any]:
    return kind if isinstance(kind, list) else [kind]


def _values(options: list[dict[str, Any]]) -> set[Any]:
    return {
        value for each in options for value in [*each.get("enum", []), *([each["const"]] if "const" in each else [])]
    }


def _taken(place: str, old: Any, new: Any, documents: _Documents) -> Iterator[str]:
    """What was taken must be taken still."""
    before, now = _options(documents.old, old), _options(documents.new, new)
    gone = _kinds(before) - _kinds(now)
    if gone:
        yield f"{place} no longer takes {', '.join(sorted(gone))}"
    if any("enum" in each or "const" in each for each in now):
        lost = _values(before) - _values(now)
        yield from (f"{place} no longer takes {value!r}" for value in sorted(lost, key=str))
    for bound, worse in (("maxLength", min), ("maximum", min), ("minLength", max), ("minimum", max)):
        was = [each[bound] for each in before if bound in each]
        limits = [each[bound] for each in now if bound in each]
        if limits and (not was or worse(was[0], limits[0]) != was[0]):
            yield f"{place} has a tighter {bound}"
    for one, other in zip(_objects(before), _objects(now), strict=False):
        for name in one["properties"]:
            if name not in other["properties"]:
                yield f"{place} no longer takes {name}"
            else:
                yield from _taken(f"{place}, {name}", one["properties"][name], other["properties"][name], documents)
        required = set(other.get("required", [])) - set(one.get("required", []))
        yield from (f"{place} now needs {name}" for name in sorted(required))


def _given(place: str, old: Any, new: Any, documents: _Documents) -> Iterator[str]:
    """What was there must be there still."""
    before, now = _options(documents.old, old), _options(documents.new, new)
    more = _kinds(now) - _kinds(before)
    if more - {"null"}:
        yield f"{place} may now be {', '.join(sorted(more))}"
    if "null" in more:
        yield f"{place} may now be null"
    for one, other in zip(_objects(before), _objects(now), strict=False):
        required = set(other.get("required", []))
        for name in one["properties"]:
            if name not in other["properties"]:
                yield f"{place} no longer has {name}"
                continue
            if name in one.get("required", []) and name not in required:
                yield f"{place} may now lack {name}"
            yield from _given(f"{place}, {name}", one["properties"][name], other["properties"][name], documents)
    for one, other in zip(before, now, strict=False):
        if "items" in one and "items" in other:
            yield from _given(f"{place}, each", one["items"], other["items"], documents)


def _objects(options: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in options if "properties" in each]
