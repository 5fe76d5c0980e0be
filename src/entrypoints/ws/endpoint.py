"""`WS /ws/notifications/{user_id}`: who is there, what they want to hear, and then what happens."""

import asyncio
import logging
from collections import Counter
from dataclasses import replace
from uuid import UUID

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from core.auth.errors import TokenInvalid
from core.kernel.actor import Actor, Origin, Visitor
from core.kernel.errors import Busy, Forbidden, Invalid, Refusal, TooMany, Unauthenticated
from core.kernel.limits import household
from core.kernel.paging import Answer
from core.kernel.ports import RateLimits
from core.realtime.errors import TicketInvalid, TicketRefused
from core.realtime.model import HELD_AT_ONCE, Purpose
from core.realtime.read_models import Stretch
from entrypoints.container import Container
from entrypoints.events.frames import Auth, Ping, Ready, Subscribe, Subscribed
from entrypoints.live.hub import Hub
from entrypoints.live.knocking import actor_of
from entrypoints.ws.errors import (
    AuthenticationMissing,
    ForeignOrigin,
    ForeignSocket,
    FrameBinary,
    FrameInvalid,
    FrameMalformed,
    FrameMisplaced,
    FramesTooMany,
    FrameUnknown,
    close_code_of,
)
from entrypoints.ws.frames import SUBPROTOCOL
from entrypoints.ws.protocol import WIRE, SocketProtocol
from entrypoints.ws.socket import PAGE, Socket
from entrypoints.ws.talk import HungUp, Talk, error_frame

log = logging.getLogger("flowtrack.ws")

AUTHENTICATED_WITHIN = 10.0
SUBSCRIBED_WITHIN = 2.0
# Of those who have not said yet who they are.
MOST_STRANGERS, MOST_STRANGERS_OF_ADDRESS = 1000, 50
_VERB = "WS /ws/notifications/{user_id}"


class Doorkeeper:
    """Lets sockets in. One a process, which counts the strangers at its door."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._hub: Hub = container.hub()
        self._strangers: Counter[str] = Counter()
        settings = container.settings()
        self._counts: RateLimits = container.rate_limits()
        is_limited = settings.rate_limits_enabled
        self._limit = settings.limit("address") if is_limited else None
        self._of_known = (settings.limit("session"), settings.limit("company")) if is_limited else None
        self._origins = frozenset(container.settings().cors_origins)
        self._public = container.settings().public_url.rstrip("/")

    def routes(self) -> list[WebSocketRoute]:
        """Both addresses."""
        return [
            WebSocketRoute(f"{prefix}/ws/notifications/{{user_id}}", self.answer, name=f"notifications{prefix}")
            for prefix in ("", "/api/v1")
        ]

    async def answer(self, websocket: WebSocket) -> None:
        """The whole life of a socket."""
        wire: SocketProtocol = websocket.scope["extensions"][WIRE]
        await websocket.receive()
        if self._hub.is_draining:
            await websocket.send({"type": "websocket.http.response.start", "status": 503, "headers": []})
            await websocket.send({"type": "websocket.http.response.body", "body": b""})
            return
        await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in websocket.scope["subprotocols"] else None)
        talk = Talk(websocket)
        try:
            actor, seq = await self._let_in(websocket, talk)
            await self._serve(Socket(wire, actor, seq, hub=self._hub), talk)
        except Refusal as refusal:
            wire.put(error_frame(refusal))
            wire.shut(close_code_of(refusal), refusal.code)
            await self._note(websocket, talk, refusal)
        except HungUp:
            return

    async def _let_in(self, websocket: WebSocket, talk: Talk) -> tuple[Actor, int]:
        address = household(websocket.client.host if websocket.client else None)
        if self._strangers.total() >= MOST_STRANGERS or self._strangers[address] >= MOST_STRANGERS_OF_ADDRESS:
            raise Busy
        if self._limit is not None:
            allowance = self._counts.look(self._limit, address)
            if not allowance.granted:
                raise TooMany(retry_after=allowance.seconds)
        self._strangers[address] += 1
        try:
            self._ensure_origin(websocket)
            async with asyncio.timeout(AUTHENTICATED_WITHIN):
                talk.actor = actor = await self._recognised(websocket, talk)
            self._ensure_few(actor)
            try:
                user_id = UUID(websocket.path_params["user_id"])
            except ValueError as error:
                raise ForeignSocket from error
            try:
                return actor, await self._container.door_use_cases().open(actor, user_id=user_id)
            except Forbidden as error:
                raise ForeignSocket from error
        except TimeoutError as error:
            raise AuthenticationMissing from error
        except Unauthenticated:
            # Who guesses is counted, as by every other door.
            if self._limit is not None:
                self._counts.take(self._limit, address)
            raise
        finally:
            self._strangers[address] -= 1
            if not self._strangers[address]:
                del self._strangers[address]

    def _ensure_few(self, actor: Actor) -> None:
        """A socket counts as a request."""
        if self._of_known is None:
            return
        for limit, key in zip(self._of_known, (actor.key_id.hex, actor.company_id.hex), strict=True):
            allowance = self._counts.take(limit, key)
            if not allowance.granted:
                raise TooMany(retry_after=allowance.seconds)

    def _ensure_origin(self, websocket: WebSocket) -> None:
        origin = websocket.headers.get("origin")
        if origin is None or origin in self._origins or "*" in self._origins or origin == self._public:
            return
        host = websocket.headers.get("host")
        if host is None or origin.partition("://")[2] != host:
            raise ForeignOrigin

    async def _recognised(self, websocket: WebSocket, talk: Talk) -> Actor:
        tickets = websocket.query_params.getlist("ticket")
        if tickets:
            if len(tickets) > 1:
                raise TicketInvalid
            found: Actor = await self._container.door_use_cases().redeem(tickets[0], purpose=Purpose.SOCKET)
            return found
        try:
            said = await talk.said()
        except Invalid as fault:
            websocket.scope["extensions"][WIRE].put(error_frame(fault))
            raise TokenInvalid from fault
        if not isinstance(said, Auth):
            raise TokenInvalid
        return await actor_of(self._container, said.token)

    async def _serve(self, socket: Socket, talk: Talk) -> None:
        actor = socket.actor
        try:
            self._hub.admit(socket)
        except Refusal:
            socket.over()
            raise
        ready = Ready(seq=str(socket.position), user_id=actor.user_id, company_id=actor.company_id)
        socket.say(ready)
        try:
            try:
                async with asyncio.timeout(SUBSCRIBED_WITHIN):
                    while (subscribe := await self._listen(socket, talk)) is None:
                        pass
            except TimeoutError:
                subscribe = Subscribe(type="subscribe")
            socket.channels = frozenset(map(str, subscribe.channels))
            if subscribe.since is not None:
                socket.position = int(subscribe.since)
            socket.say(Subscribed(channels=subscribe.channels, seq=str(socket.position)))

            async def page(position: int) -> Answer[Stretch]:
                found: Answer[Stretch] = await self._container.event_use_cases().after(
                    actor, position=position, types=(), limit=PAGE, most_bytes=HELD_AT_ONCE
                )
                return found

            await socket.catch_up(page)
            self._hub.open(socket)
            while True:
                again = await self._listen(socket, talk)
                if again is None:
                    continue
                if again.since is not None:
                    socket.wire.put(error_frame(FrameMisplaced()))
                    continue
                socket.channels = frozenset(map(str, again.channels))
                socket.say(Subscribed(channels=again.channels, seq=str(socket.position)))
        finally:
            socket.over()

    async def _listen(self, socket: Socket, talk: Talk) -> Subscribe | None:
        """The next message, if it is a subscription; others are answered here."""
        try:
            said = await talk.said()
        except (FrameMalformed, FrameUnknown, FrameInvalid, FrameBinary) as fault:
            socket.wire.put(error_frame(fault))
            return None
        if isinstance(said, Subscribe):
            return said
        if isinstance(said, Ping):
            socket.beat()
        else:
            socket.wire.put(error_frame(FrameMisplaced()))
        return None

    async def _note(self, websocket: WebSocket, talk: Talk, refusal: Refusal) -> None:
        """Tells auditors of what nobody does by mistake."""
        audit, told = self._container.audit_use_cases(), {"rule": refusal.code, "verb": _VERB}
        client = websocket.client
        came = Origin(address=client.host if client else None, agent=websocket.headers.get("user-agent"))
        try:
            if isinstance(refusal, Forbidden | FramesTooMany) and talk.actor is not None:
                await audit.refused(replace(talk.actor, origin=came), **told)
            elif isinstance(refusal, Forbidden | TicketRefused):
                await audit.turned_away(Visitor(address=came.address, agent=came.agent), refusal.concern, **told)
        except Refusal as away:
            log.warning("a refusal could not be noted: %s", away.code, extra={"code": refusal.code})
