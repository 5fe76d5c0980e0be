"""The messages of the socket and of streams that are no events, in both directions, each with an example."""

from typing import Any

from pydantic import BaseModel

from entrypoints.ws.frames import (
    HEARTBEAT_SECONDS,
    Auth,
    ErrorFrame,
    Heartbeat,
    JobProgressFrame,
    Ping,
    PresenceFrame,
    Ready,
    Subscribe,
    Subscribed,
)


class StreamReady(BaseModel):
    """The first message of a stream; its `id` is the position that it goes on from."""


class StreamEnd(BaseModel):
    """The last message of a stream, with why it ends; without one the connection broke."""

    code: str


_ID = "01920000-0000-7000-8000-0000000000{:02}"
OF_CLIENTS: tuple[tuple[type[BaseModel], dict[str, Any]], ...] = (
    (Auth, {"type": "auth", "token": "ftk_..."}),
    (Subscribe, {"type": "subscribe", "channels": ["kanban_updates"], "since": "7"}),
    (Ping, {"type": "ping"}),
)
OF_SERVERS: tuple[tuple[type[BaseModel], dict[str, Any]], ...] = (
    (
        Ready,
        {
            "type": "ready",
            "seq": "7",
            "user_id": _ID.format(2),
            "company_id": _ID.format(1),
            "heartbeat_seconds": HEARTBEAT_SECONDS,
        },
    ),
    (Subscribed, {"type": "subscribed", "channels": ["kanban_updates"], "seq": "7"}),
    (Heartbeat, {"type": "heartbeat", "seq": "7"}),
    (PresenceFrame, {"type": "presence", "user_id": _ID.format(7), "state": "online"}),
    (
        JobProgressFrame,
        {
            "type": "job_progress",
            "job_id": _ID.format(24),
            "kind": "tasks.import",
            "state": "started",
            "progress": {"done": 500, "total": 6000, "unit": "rows"},
        },
    ),
    (ErrorFrame, {"type": "error", "code": "frame.unknown", "detail": "No message of that type is known here"}),
)
# Messages of a stream have their type in `event:`, and events and moments as the socket has them.
OF_STREAMS: tuple[tuple[str, type[BaseModel], dict[str, Any]], ...] = (
    ("ready", StreamReady, {}),
    ("end", StreamEnd, {"code": "server.restarting"}),
)
MOMENTS: tuple[type[BaseModel], ...] = (PresenceFrame, JobProgressFrame)
