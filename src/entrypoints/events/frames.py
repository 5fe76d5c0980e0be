"""The messages of the socket that are no events, in both directions: one model for each, with an example."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from core.kernel.events import Channel

_SECONDS = 25

Position = Annotated[str, Field(pattern=r"^[0-9]{1,18}$", description="A position in the log; opaque.")]


class Said(BaseModel):
    """What a client says."""

    model_config = ConfigDict(extra="forbid")


class Auth(Said):
    """The first message, where no ticket stands in the address."""

    type: Literal["auth"]
    token: Annotated[str, Field(min_length=1, max_length=5000)]


class Subscribe(Said):
    """Which channels to hear, and from where on. Later ones change the channels."""

    type: Literal["subscribe"]
    channels: Annotated[list[Channel], Field(min_length=1, max_length=4)] = Field(default_factory=lambda: [*Channel])
    since: Position | Annotated[int, Field(strict=True, ge=0, lt=10**18)] | None = None


class Ping(Said):
    """Is answered by a heartbeat."""

    type: Literal["ping"]


class Ready(BaseModel):
    """The first message, once the client is known. `seq` is where the log stands: what follows is heard from there on,
    unless a subscription names another position.
    """

    type: Literal["ready"] = "ready"
    seq: Position
    user_id: UUID
    company_id: UUID
    heartbeat_seconds: int = _SECONDS


class Subscribed(BaseModel):
    """Answers a subscription."""

    type: Literal["subscribed"] = "subscribed"
    channels: list[Channel]
    seq: Position


class Heartbeat(BaseModel):
    """Every 25 seconds: up to `seq` nothing was left out."""

    type: Literal["heartbeat"] = "heartbeat"
    seq: Position


class PresenceFrame(BaseModel):
    """Somebody whom one may see came or went."""

    type: Literal["presence"] = "presence"
    user_id: UUID
    state: Literal["online", "offline"]


class JobProgressFrame(BaseModel):
    """How far a job is that one asked for."""

    type: Literal["job_progress"] = "job_progress"
    job_id: UUID
    kind: str
    state: str
    progress: dict[str, Any]


class ErrorFrame(BaseModel):
    """What was not understood, or not allowed; the socket goes on unless it is closed."""

    type: Literal["error"] = "error"
    code: str
    detail: str


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
            "heartbeat_seconds": _SECONDS,
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
            "kind": "task_import",
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
