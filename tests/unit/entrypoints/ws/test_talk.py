"""What a client says that is not understood is told in its own words."""

from typing import Any

import pytest

from entrypoints.ws.errors import FrameInvalid
from entrypoints.ws.talk import Talk


class Client:
    """Says one thing."""

    def __init__(self, text: str) -> None:
        self._text = text

    async def receive(self) -> dict[str, Any]:
        return {"type": "websocket.receive", "text": self._text}


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ('{"type":"subscribe","channels":["notifications"],"since":"-1"}', "since: "),
        ('{"type":"subscribe","channels":["notifications","x"]}', "channels.1: "),
        ('{"type":"auth"}', "token: "),
    ],
)
async def test_a_value_that_is_refused_is_named_by_its_field(said: str, place: str) -> None:
    with pytest.raises(FrameInvalid) as refused:
        await Talk(Client(said)).said()  # type: ignore[arg-type]
    assert refused.value.detail.startswith(place)
