"""The one table of what refusals are on a socket: close codes, and frames that were not understood."""

from core.kernel.errors import Forbidden, Gone, Invalid, Refusal, TooMany, Unauthenticated, Unavailable
from entrypoints.live.doors import Ending

UNKNOWN_CALLER, NOT_ALLOWED, RESYNC, RESTART = 4401, 4403, 4409, 1012
TOO_MANY, TRY_LATER, FAILED = 1008, 1013, 1011

CLOSE_CODES: dict[type[Refusal], int] = {
    Unauthenticated: UNKNOWN_CALLER,
    Forbidden: NOT_ALLOWED,
    # The only value that can be wrong when a socket is opened is the position to go on from.
    Invalid: RESYNC,
    Gone: RESYNC,
    TooMany: TOO_MANY,
    Unavailable: TRY_LATER,
}

ENDINGS = {
    Ending.SIGNED_OUT: (UNKNOWN_CALLER, "auth.session_ended"),
    Ending.TOO_SLOW: (RESYNC, "socket.too_slow"),
    Ending.EXPIRED: (RESYNC, "events.expired"),
    Ending.CROWDED_OUT: (RESYNC, "socket.too_slow"),
    Ending.RESTART: (RESTART, "server.restarting"),
    Ending.FAILED: (FAILED, "server.failed"),
}


def close_code_of(refusal: Refusal) -> int:
    """The close code of a kind of refusal, by its nearest entry in the table."""
    return next((CLOSE_CODES[kind] for kind in type(refusal).__mro__ if kind in CLOSE_CODES), FAILED)


class FrameMalformed(Invalid):
    code = "frame.malformed"
    title = "A message is a JSON object with a type"


class FrameUnknown(Invalid):
    code = "frame.unknown"
    title = "No message of that type is known here"


class FrameInvalid(Invalid):
    code = "frame.invalid"
    title = "The message holds a value that cannot be accepted"


class FrameBinary(Invalid):
    code = "frame.binary"
    title = "Messages are text"


class FrameMisplaced(Invalid):
    code = "frame.misplaced"
    title = "That message has no place here; one signs in once, and names a position once"


class FramesTooMany(TooMany):
    code = "frame.too_many"
    title = "More messages than anybody needs to send"


class AuthenticationMissing(Unauthenticated):
    code = "auth.too_late"
    title = "Nothing said within 10 seconds who is there"


class ForeignOrigin(Forbidden):
    code = "socket.origin_refused"
    title = "Sockets of browsers are opened by pages of allowed origins alone"


class ForeignSocket(Forbidden):
    code = "socket.of_another"
    title = "A user's socket is for that user alone"
