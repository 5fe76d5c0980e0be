"""What is said over a socket, in both directions: one model for each kind of message.

The contract documents are made from these models; what the hub sends is compared with them in the tests.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from core.kernel.events import Channel

SUBPROTOCOL = "flowtrack.v1"
HEARTBEAT_SECONDS = 25
LARGEST_FRAME = 64 * 1024

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
    since: Position | Annotated[int, Field(ge=0, lt=10**18)] | None = None


class Ping(Said):
    """Is answered by a heartbeat."""

    type: Literal["ping"]


SAID: TypeAdapter[Auth | Subscribe | Ping] = TypeAdapter(
    Annotated[Auth | Subscribe | Ping, Field(discriminator="type")]
)


class Ready(BaseModel):
    """The first message, once the client is known. `seq` is where the log stands: what follows is heard from there on,
    unless a subscription names another position.
    """

    type: Literal["ready"] = "ready"
    seq: Position
    user_id: UUID
    company_id: UUID
    heartbeat_seconds: int = HEARTBEAT_SECONDS


class Subscribed(BaseModel):
    """Answers a subscription."""

    type: Literal["subscribed"] = "subscribed"
    channels: list[Channel]
    seq: Position


class EventFrame(BaseModel):
    """An event; besides these fields it has the flat fields of its kind."""

    model_config = ConfigDict(extra="allow")

    type: Literal["event"] = "event"
    seq: Position
    event: str
    channel: Channel
    occurred_at: datetime
    actor_id: UUID | None
    via: str
    project_id: UUID | None


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
