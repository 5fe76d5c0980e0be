"""What the product's sockets are compared with: uvicorn, and a loop that sends the same text to every socket."""

import gc
import os
import time

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

_sockets: set[WebSocket] = set()


async def listen(websocket: WebSocket) -> None:
    await websocket.accept("flowtrack.v1")
    _sockets.add(websocket)
    try:
        await websocket.receive_text()
    except WebSocketDisconnect:
        _sockets.discard(websocket)


async def send(request: Request) -> Response:
    """Sends the body to all, and answers when it began to."""
    text = (await request.body()).decode()
    began = time.time()
    for websocket in _sockets:
        await websocket.send_text(text)
    return Response(repr(began).encode(), media_type="application/json")


async def health(_: Request) -> Response:
    # As the product does, once it has started.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    return Response(b'{"status":"up"}', media_type="application/json")


app = Starlette(
    routes=[Route("/health", health), Route("/send", send, methods=["POST"]), WebSocketRoute("/listen", listen)]
)


def main() -> None:
    """Serves on PORT, with uvicorn's own WebSocket protocol, and else the options that the product gives it."""
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        access_log=False,
        log_config=None,
        server_header=False,
    )


if __name__ == "__main__":
    main()
