"""The frames of the socket."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from core.kernel.events import Channel

_Position = Annotated[str, Field(description="A position in the company's log. Opaque.")]


class AuthFrame(BaseModel):
    """Says who is there, within 10 seconds; not needed after a ticket in the query."""

    type: Literal["auth"]
    token: str = Field(description="An access token, or an API token with the scope `events:read`.")


class SubscribeFrame(BaseModel):
    """Says what is to be heard. Without one it is all four channels, from now on, after 2 seconds."""

    type: Literal["subscribe"]
    channels: list[Channel] = Field(description="What is to be heard.")
    since: str | None = Field(default=None, description="The position to go on from; without one, from now on.")


class ReadyFrame(BaseModel):
    """The socket knows who is there."""

    type: Literal["ready"]
    seq: _Position


class HeartbeatFrame(BaseModel):
    """Comes every 25 seconds, with the head of the log."""

    type: Literal["heartbeat"]
    seq: _Position


class ErrorFrame(BaseModel):
    """A frame was not understood, or was refused; the socket stays open."""

    type: Literal["error"]
    code: str = Field(description="Stable; switch on it.")
    detail: str


class PresenceFrame(BaseModel):
    """Somebody came or went. Describes a moment: it has no position, and is not told again."""

    type: Literal["presence"]
    user_id: UUID
    state: Literal["online", "offline"]


class JobProgressFrame(BaseModel):
    """How far a job of yours is. Describes a moment: it has no position, and is not told again."""

    type: Literal["job_progress"]
    job_id: UUID
    state: str
    done: int
    total: int | None


# Each with an example. Events come in frames of their own, {"type": "event", ...the event}.
OF_CLIENTS: tuple[tuple[type[BaseModel], dict[str, object]], ...] = (
    (AuthFrame, {"type": "auth", "token": "ftk_..."}),
    (SubscribeFrame, {"type": "subscribe", "channels": ["kanban_updates"], "since": "7"}),
)
OF_SERVERS: tuple[tuple[type[BaseModel], dict[str, object]], ...] = (
    (ReadyFrame, {"type": "ready", "seq": "7"}),
    (HeartbeatFrame, {"type": "heartbeat", "seq": "7"}),
    (ErrorFrame, {"type": "error", "code": "socket.frame_unknown", "detail": "There is no such frame."}),
    (
        PresenceFrame,
        {"type": "presence", "user_id": "01920000-0000-7000-8000-000000000007", "state": "online"},
    ),
    (
        JobProgressFrame,
        {
            "type": "job_progress",
            "job_id": "01920000-0000-7000-8000-000000000024",
            "state": "started",
            "done": 500,
            "total": 6000,
        },
    ),
)
