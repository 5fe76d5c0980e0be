"""How values go to PostgreSQL: found out once for a statement, by the types that its parameters have there.

psycopg finds it out for each value of each execution, by the type that the value has in Python. That is still done
where a value does not fit here, so that what it answers, or refuses, is the same.
"""

import struct
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from psycopg.pq import Format
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import BigInteger, Boolean, Date, DateTime, Integer, LargeBinary, SmallInteger, String, Uuid

# What a value that does not fit makes of the functions here.
UNFIT = (AttributeError, TypeError, ValueError, struct.error)


class Kind(NamedTuple):
    """Parameters of one type: its number in PostgreSQL, and how a value that is not None is written."""

    oid: int
    format: Format
    dump: Callable[[Any], bytes]


_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(2000, 1, 1).toordinal()
_MICROSECOND = timedelta(microseconds=1)
_TRUE, _FALSE = b"\x01", b"\x00"


def _number(form: str) -> Callable[[int], bytes]:
    return struct.Struct(form).pack


_pack8, _pack4 = _number("!q"), _number("!i")


def _uuid(value: UUID) -> bytes:
    return value.int.to_bytes(16, "big")


def _text(value: str) -> bytes:
    written = str.encode(value)
    if b"\x00" in written:
        raise ValueError("no text of PostgreSQL's")
    return written


def _boolean(value: bool) -> bytes:
    if value is True:
        return _TRUE
    if value is False:
        return _FALSE
    raise TypeError("no boolean")


def _bytes(value: bytes) -> bytes:
    if type(value) is not bytes:
        raise TypeError("no bytes")
    return value


def _instant(value: datetime) -> bytes:
    return _pack8((value - _EPOCH) // _MICROSECOND)


def _day(value: date) -> bytes:
    if type(value) is not date:
        raise TypeError("no day")
    return _pack4(value.toordinal() - _EPOCH_DAY)


def _json(value: Any) -> bytes:
    if value.dumps is not None:
        raise TypeError("is written in a way of its own")
    return msgspec.json.encode(value.obj)


# A text of an unknown type is what PostgreSQL takes it for, as psycopg has it.
TEXT = Kind(0, Format.TEXT, _text)
_UUID = Kind(2950, Format.BINARY, _uuid)
BIGINT = Kind(20, Format.BINARY, _pack8)
_INTEGER = Kind(23, Format.BINARY, _pack4)
_SMALLINT = Kind(21, Format.BINARY, _number("!h"))
_BOOLEAN = Kind(16, Format.BINARY, _boolean)
_BYTES = Kind(17, Format.BINARY, _bytes)
_INSTANT = Kind(1184, Format.BINARY, _instant)
_DAY = Kind(1082, Format.BINARY, _day)
_JSON = Kind(3802, Format.TEXT, _json)
_TEXT_OID = 25

_ARRAYS = {2950: 2951, 20: 1016, 23: 1007, 21: 1005, 16: 1000, 1184: 1185, 1082: 1182}
_dimension = struct.Struct("!iIIii").pack


def _array_of(kind: Kind) -> Kind:
    """Arrays of one dimension, in the binary form: how many, then each with its length."""
    member, dump = kind.oid or _TEXT_OID, kind.dump
    empty = struct.pack("!iII", 0, 0, member)

    def written(values: list[Any]) -> bytes:
        if type(values) is not list:
            raise TypeError("no list")
        if not values:
            return empty
        parts = [_dimension(1, int(None in values), member, len(values), 1)]
        for value in values:
            if value is None:
                parts.append(b"\xff\xff\xff\xff")
            else:
                each = dump(value)
                parts += (_pack4(len(each)), each)
        return b"".join(parts)

    return Kind(_ARRAYS.get(kind.oid, 1009), Format.BINARY, written)


# Written by whoever asks, since psycopg would look at each character of it.
_WRITTEN_ARRAY = Kind(0, Format.TEXT, _text)

_CASTS = {
    "uuid": _UUID,
    "text": TEXT,
    "bigint": BIGINT,
    "integer": _INTEGER,
    "int": _INTEGER,
    "smallint": _SMALLINT,
    "boolean": _BOOLEAN,
    "bytea": _BYTES,
    "timestamptz": _INSTANT,
    "date": _DAY,
    "jsonb": _JSON,
}


def kind_of_cast(name: str) -> Kind | None:
    """The kind of a parameter that a statement casts to that type; None where psycopg is to find it out."""
    member = _CASTS.get(name.removesuffix("[]"))
    if member is None or not name.endswith("[]"):
        return member
    return None if member in (_JSON, _BYTES) else _array_of(member)


def kind_of_type(type_: Any) -> Kind | None:
    """The kind of a parameter of a SQLAlchemy type; None where psycopg is to find it out."""
    match type_:
        case Uuid():
            return _UUID
        case String():
            return TEXT
        case BigInteger():
            return BIGINT
        case SmallInteger():
            return _SMALLINT
        case Integer():
            return _INTEGER
        case Boolean():
            return _BOOLEAN
        case LargeBinary():
            return _BYTES
        case DateTime(timezone=True):
            return _INSTANT
        case Date():
            return _DAY
        case JSONB():
            return _JSON
        case ARRAY():
            member = kind_of_type(type_.item_type)
            if member is _JSON:
                return _WRITTEN_ARRAY
            return _array_of(member) if member is not None and member is not _BYTES else None
    return None


class Binding:
    """How the values of one statement are written; their types and forms are the same each time."""

    __slots__ = ("_dumps", "formats", "types")

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self._dumps = tuple((name, kind.dump) for name, kind in kinds.items())
        self.types = tuple(kind.oid for kind in kinds.values())
        self.formats = [kind.format for kind in kinds.values()]

    def written(self, values: Mapping[str, Any]) -> list[bytes | None] | None:
        """The values in order; None if one of them does not fit. Raises KeyError for one that is missing."""
        try:
            return [None if (value := values[name]) is None else dump(value) for name, dump in self._dumps]
        except UNFIT:
            return None
