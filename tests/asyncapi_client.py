"""A client that knows no more than the AsyncAPI document says."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
from jsonschema_rs import Draft202012Validator

from entrypoints.events.asyncapi import asyncapi_document


class Client:
    """What a generated client does: by the document it reads each message that comes."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        schemas = {"components": {"schemas": document["components"]["schemas"]}}
        self._readers: dict[tuple[str, str], Draft202012Validator] = {
            (channel, message["name"]): Draft202012Validator({**message["payload"], **schemas}, validate_formats=True)
            for channel, message in self._messages()
        }

    def read(self, channel: str, message: Any, *, name: str) -> dict[str, Any]:
        """A message of that name on a channel; fails for one that the document does not describe."""
        assert (channel, name) in self._readers, f"{channel} has no message {name}"
        self._readers[channel, name].validate(message)
        return dict(message)

    def frame(self, message: Any) -> dict[str, Any]:
        """A frame of the socket, called by its type, or by the event that it tells."""
        name = message["event"] if message["type"] == "event" else message["type"]
        return self.read("socket", message, name=name)

    def _messages(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, channel in self._document["channels"].items():
            for reference in channel["messages"].values():
                yield name, self._document["components"]["messages"][reference["$ref"].rpartition("/")[2]]


@cache
def present_client() -> Client:
    """One of the document as the code makes it."""
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(asyncapi_document()))
    return Client(document)
