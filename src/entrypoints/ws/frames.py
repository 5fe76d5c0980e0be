"""What is said over a socket, and its bounds. The models are those that the contract documents are made from."""

from typing import Annotated

from pydantic import Field, TypeAdapter

from entrypoints.events.frames import Auth, Ping, Subscribe

SUBPROTOCOL = "flowtrack.v1"
HEARTBEAT_SECONDS = 25
LARGEST_FRAME = 64 * 1024

SAID: TypeAdapter[Auth | Subscribe | Ping] = TypeAdapter(
    Annotated[Auth | Subscribe | Ping, Field(discriminator="type")]
)
