"""What webhooks send (Standard Webhooks 1.0), as the section `webhooks` of the OpenAPI document."""

from typing import Any

from core.kernel.events import Fact
from entrypoints.events.examples import ENVELOPE, example, goes_out, heard_by
from entrypoints.events.registry import KINDS
from entrypoints.events.schemas import Schema, event_schema, schema_name, when
from entrypoints.events.words import WORDS

# Several events of one transaction, as a batch or an import makes them, are one delivery.
BATCH = "batch"
# What an admin sends to see whether it arrives.
TEST = "webhook.test"

_HEADERS = {
    "webhook-id": "The delivery, the same on every retry: whoever has seen it has nothing to do.",
    "webhook-timestamp": "Seconds since 1970, of this attempt; refuse what is older than five minutes.",
    "webhook-signature": (
        "Signatures with a space between them, one for each live secret: `v1,` and the base64 of the HMAC-SHA-256 of "
        "`{webhook-id}.{webhook-timestamp}.{body}`. One that fits is enough."
    ),
}
_ANSWERS = {
    "2XX": {"description": "Taken. Answer before you work on it; the attempt ends after 15 seconds."},
    "410": {"description": "Not wanted any more: disables the webhook."},
    "4XX": {"description": "Refused for good, but for 408, 409, 425 and 429, after which it is tried again."},
    "5XX": {"description": "Tried again, for three days."},
}


def outgoing() -> tuple[type[Fact], ...]:
    """The events that webhooks get."""
    return tuple(kind for kind in KINDS if goes_out(kind))


def delivery_schema(type_: str, content: Schema) -> Schema:
    """The body of a delivery."""
    return {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"type": "string", "const": type_},
            "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
            "data": content,
            "delayed": {
                "type": "boolean",
                "description": "True if earlier events of the same project were not delivered yet.",
            },
        },
    }


def batch_schema(reference: str) -> Schema:
    """What a delivery of several events holds."""
    events = [{"$ref": f"{reference}{schema_name(kind)}"} for kind in outgoing()]
    listed = {"type": "array", "items": {"anyOf": events}, "minItems": 1, "maxItems": 100}
    counted = {"type": "integer", "description": "How many there are."}
    return {"type": "object", "required": ["count", "events"], "properties": {"count": counted, "events": listed}}


def told_by_test() -> Schema:
    """What a delivery holds that only tells that it arrives."""
    return {
        "type": "object",
        "required": ["webhook_id"],
        "properties": {"webhook_id": {"type": "string", "format": "uuid"}},
    }


def delivery_example(kind: type[Fact]) -> dict[str, Any]:
    """A delivery of one event."""
    return {"type": kind.event, "timestamp": ENVELOPE["occurred_at"], "data": example(kind)}


def batch_example() -> dict[str, Any]:
    """A delivery of several."""
    events = [example(outgoing()[-1]), {**example(outgoing()[-1]), "seq": "8"}]
    return {"type": BATCH, "timestamp": ENVELOPE["occurred_at"], "data": {"count": len(events), "events": events}}


def test_example() -> dict[str, Any]:
    """A delivery that tells of nothing."""
    return {"type": TEST, "timestamp": ENVELOPE["occurred_at"], "data": {"webhook_id": WORDS["webhook_id"].example}}


def add_webhooks(document: dict[str, Any]) -> None:
    """Adds an entry for each event that goes out, and the schemas of the events."""
    reference = "#/components/schemas/"
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for kind in outgoing():
        schemas[schema_name(kind)] = event_schema(kind)
    document["webhooks"] = {
        **{
            kind.event: _entry(
                kind.event,
                f"{when(kind)}\n\nHeard by: {heard_by(kind)}.",
                {"$ref": f"{reference}{schema_name(kind)}"},
                delivery_example(kind),
            )
            for kind in outgoing()
        },
        BATCH: _entry(
            BATCH, "Up to 100 events of one transaction, in their order.", batch_schema(reference), batch_example()
        ),
        TEST: _entry(TEST, "Sent by `POST /webhooks/{id}/test`. Tells of nothing.", told_by_test(), test_example()),
    }


def _entry(type_: str, description: str, content: Schema, shown: dict[str, Any]) -> dict[str, Any]:
    words = type_.replace(".", "_").split("_")
    media = {"application/json": {"schema": delivery_schema(type_, content), "example": shown}}
    return {
        "post": {
            "operationId": "on" + "".join(word.capitalize() for word in words),
            "summary": " ".join(words).capitalize(),
            "description": description,
            "tags": ["Webhooks"],
            "parameters": [
                {"name": name, "in": "header", "required": True, "description": means, "schema": {"type": "string"}}
                for name, means in _HEADERS.items()
            ],
            "requestBody": {"required": True, "content": media},
            "responses": _ANSWERS,
        }
    }
