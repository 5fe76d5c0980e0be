"""What a newer AsyncAPI document takes away from whoever relies on an older one: the rules of OpenAPI's comparison, for
messages. What the server sends must still be there; what it takes must be taken still.
"""

from collections.abc import Iterator
from typing import Any

from tests.openapi_changes import given, taken


def breaking_changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Each in a sentence; nothing, if whoever understood the old one understands the new one."""
    return list(_changes(old, new))


def _changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    for name, channel in old["channels"].items():
        if name not in new["channels"]:
            yield f"the channel {name} is gone"
        elif channel["address"] != new["channels"][name]["address"]:
            yield f"the channel {name} is elsewhere"
    for name, operation in old["operations"].items():
        now = new["operations"].get(name)
        if now is None or now["action"] != operation["action"]:
            yield f"the operation {name} is gone"
            continue
        messages = {each["$ref"] for each in now["messages"]}
        for reference in (each["$ref"] for each in operation["messages"]):
            message = reference.rpartition("/")[2]
            if reference not in messages:
                yield f"{name}: the message {message} is gone"
                continue
            rule = given if operation["action"] == "send" else taken
            one, other = (_payload(document, message) for document in (old, new))
            yield from (f"{name}: {each}" for each in rule(message, one, other, old, new))


def _payload(document: dict[str, Any], message: str) -> dict[str, Any]:
    payload = document["components"]["messages"][message]["payload"]
    # A frame of an event is the event, and its type.
    parts = payload.get("allOf", [payload])
    return dict(parts[-1])
