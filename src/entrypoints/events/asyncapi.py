"""The AsyncAPI document: the doors by which events leave, from the models that are sent."""

from importlib.metadata import version
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter

from core.kernel.events import Fact
from entrypoints.events.examples import example, heard_by
from entrypoints.events.frames import MOMENTS, OF_CLIENTS, OF_SERVERS, OF_STREAMS
from entrypoints.events.registry import KINDS
from entrypoints.events.schemas import Schema, event_schema, schema_name, when
from entrypoints.events.webhooks import (
    BATCH,
    TEST,
    batch_example,
    batch_schema,
    delivery_example,
    delivery_schema,
    outgoing,
    test_example,
    told_by_test,
)

SCHEMAS = "#/components/schemas/"
MESSAGES = "#/components/messages/"

_DOCUMENT = """\
What happens in a company, complete and in order, for whoever may hear of it. Each event is the same by every door;
`GET /api/v1/events`, which is in the OpenAPI document, answers them in pages. Within v1 events, fields and values are
only added."""
_SOCKET = """\
Your own events. Sub-protocol `flowtrack.v1`. The server accepts, and then closes with a code if it has to:

- 4401: not authenticated within 10 seconds, or not any more: the login session or the API token ended
- 4403: somebody else's id, a page of an origin that is not allowed, or a token without the scope `events:read`
- 4409: the position is not one, or too little was read; nothing was skipped: read `GET /api/v1/events` or subscribe
  `since` the last `seq` that came; by `events.expired` it is kept no longer: read anew, go on from that `X-Event-Seq`
- 1008: too many messages; 1011: a defect; 1013: busy, try later
- 1012: the server restarts: connect again

The first frame is `auth`, unless a single-use ticket of `POST /auth/ws-ticket` stands in the query. Positions that
come are each higher than the one before, not without gaps: in between is what you may not hear."""
_STREAM = """\
The same as Server-Sent Events. `id` is the event's `seq`, `event` its name, `data` the event. A connection that broke
goes on after `Last-Event-ID`, or `after` in the query; what describes a moment has no `id`. Comments come where there
is nothing to tell."""
_WEBHOOK = """\
Your own address, as `POST /webhooks` was given it; by Standard Webhooks 1.0. The OpenAPI document has the same in its
section `webhooks`, with the headers and what each answer means."""
_TICKET: dict[str, Any] = {
    "type": "object",
    "properties": {"ticket": {"type": "string", "description": "Of `POST /auth/ws-ticket`, once, within 60 seconds."}},
}


def asyncapi_document() -> dict[str, Any]:
    """The document. Made anew each time."""
    clients, servers = [_frame(model) for model, _ in OF_CLIENTS], [_frame(model) for model, _ in OF_SERVERS]
    framed = [f"frame_{kind.event}" for kind in KINDS]
    streamed = [kind.event for kind in KINDS]
    streamed += [f"stream_{name}" for name in _of_streams()]
    delivered = [*(f"webhook_{kind.event}" for kind in outgoing()), "webhook_batch", "webhook_test"]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "FlowTrack events",
            "version": version("flowtrack"),
            "description": _DOCUMENT,
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "sockets": _server("wss", "The address of the server; `ws` in development.", bearer=False),
            "streams": _server("https", "The address of the server; `http` in development.", bearer=True),
        },
        "channels": {
            "socket": {
                "address": "/ws/notifications/{user_id}",
                "title": "The socket",
                "description": _SOCKET,
                "servers": [{"$ref": "#/servers/sockets"}],
                "parameters": {"user_id": {"description": "Your own id."}},
                "bindings": {"ws": {"method": "GET", "query": _TICKET}},
                "messages": _messages([*clients, *servers, *framed]),
            },
            "stream": {
                "address": "/api/v1/events/stream",
                "title": "The stream",
                "description": _STREAM,
                "servers": [{"$ref": "#/servers/streams"}],
                "messages": _messages(streamed),
            },
            "webhook": {
                "address": None,
                "title": "A webhook",
                "description": _WEBHOOK,
                "messages": _messages(delivered),
            },
        },
        "operations": {
            "hearClients": _operation("receive", "socket", clients, "What clients say."),
            "tellClients": _operation("send", "socket", [*servers, *framed], "What clients are told."),
            "streamEvents": _operation("send", "stream", streamed, "Events, as they happen."),
            "deliverEvents": _operation("send", "webhook", delivered, "Events, until they are taken."),
        },
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An access token or an API token."}
            },
            "messages": {
                **{_frame(model): _frame_message(model, shown) for model, shown in (*OF_CLIENTS, *OF_SERVERS)},
                **{f"frame_{kind.event}": _event_frame(kind) for kind in KINDS},
                **{kind.event: _event(kind) for kind in KINDS},
                **{f"stream_{name}": message for name, message in _of_streams().items()},
                **_deliveries(),
            },
            "schemas": {
                **{schema_name(kind): event_schema(kind) for kind in KINDS},
                **{model.__name__: _schema(model, mode="validation") for model, _ in OF_CLIENTS},
                **{model.__name__: _schema(model, mode="serialization") for model, _ in OF_SERVERS},
            },
        },
    }


def _server(protocol: str, description: str, *, bearer: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"host": "{host}", "protocol": protocol, "description": description}
    found["variables"] = {"host": {"default": "localhost:8000"}}
    if bearer:
        found["security"] = [{"$ref": "#/components/securitySchemes/bearer"}]
    return found


def _messages(names: list[str]) -> dict[str, Any]:
    return {name: {"$ref": f"{MESSAGES}{name}"} for name in names}


def _operation(action: str, channel: str, names: list[str], summary: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names],
    }


def _frame(model: type[BaseModel]) -> str:
    """A frame is called by its type."""
    name: str = model.model_fields["type"].annotation.__args__[0]  # type: ignore[union-attr]
    return name


def _frame_message(model: type[BaseModel], shown: dict[str, object]) -> dict[str, Any]:
    return _message(_frame(model), _words(model), {"$ref": f"{SCHEMAS}{model.__name__}"}, shown)


def _event(kind: type[Fact]) -> dict[str, Any]:
    return _message(kind.event, _told(kind), {"$ref": f"{SCHEMAS}{schema_name(kind)}"}, example(kind))


def _event_frame(kind: type[Fact]) -> dict[str, Any]:
    framed = {"type": "object", "required": ["type"], "properties": {"type": {"type": "string", "const": "event"}}}
    payload = {"allOf": [framed, {"$ref": f"{SCHEMAS}{schema_name(kind)}"}]}
    return _message(kind.event, _told(kind), payload, {"type": "event", **example(kind)})


def _of_streams() -> dict[str, Any]:
    """What comes by a stream and is no event. A moment is what the socket tells, without its type."""
    found = {
        name: _message(name, _words(model), _schema(model, mode="serialization"), shown)
        for name, model, shown in OF_STREAMS
    }
    for model, shown in OF_SERVERS:
        if model in MOMENTS:
            schema = _schema(model, mode="serialization")
            schema["required"] = [each for each in schema["required"] if each != "type"]
            del schema["properties"]["type"]
            told = {name: each for name, each in shown.items() if name != "type"}
            found[_frame(model)] = _message(_frame(model), _words(model), schema, told)
    return found


def _deliveries() -> dict[str, Any]:
    found = {
        f"webhook_{kind.event}": _message(
            kind.event,
            _told(kind),
            delivery_schema(kind.event, {"$ref": f"{SCHEMAS}{schema_name(kind)}"}),
            delivery_example(kind),
        )
        for kind in outgoing()
    }
    batch = delivery_schema(BATCH, batch_schema(SCHEMAS))
    found["webhook_batch"] = _message(
        BATCH, "Up to 100 events of one transaction, in their order.", batch, batch_example()
    )
    found["webhook_test"] = _message(TEST, "Tells of nothing.", delivery_schema(TEST, told_by_test()), test_example())
    return found


def _message(name: str, summary: str, payload: Schema, shown: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "title": name.replace("_", " ").replace(".", " ").capitalize(),
        "summary": summary,
        "payload": payload,
        "examples": [{"name": name.replace(".", "_"), "payload": shown}],
    }


def _told(kind: type[Fact]) -> str:
    return f"{when(kind)} Heard by: {heard_by(kind)}."


def _words(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _schema(model: type[BaseModel], *, mode: Literal["validation", "serialization"]) -> Schema:
    schema = TypeAdapter(model).json_schema(mode=mode)
    named = schema.pop("$defs", {})
    if named:
        schema = _within(schema, named)
    return {**schema, "description": _words(model)}


def _within(schema: Any, named: Schema) -> Any:
    if isinstance(schema, list):
        return [_within(each, named) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _within(named[schema["$ref"].removeprefix("#/$defs/")], named)
    return {key: _within(value, named) for key, value in schema.items()}
