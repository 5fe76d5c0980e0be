"""Statements, compiled once to the text and the order of parameters that libpq executes."""

import re
from collections.abc import Mapping
from typing import Any, Self

from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql.expression import ClauseElement

from adapters.sql.binding import BIGINT, Binding, Kind, kind_of_cast, kind_of_type

# `$1`, `$2`: what PostgreSQL itself reads, so that nothing is rewritten when a statement is executed.
DIALECT: Any = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call,unused-ignore]

_PLAIN_CHANGE = re.compile(r"\s*(UPDATE|DELETE|INSERT)\s", re.IGNORECASE)
_NAMED = re.compile(r"%\((\w+)\)s")
_CAST = re.compile(r"%\((\w+)\)s::(\w+(?:\[\])?)")


class Statement:
    """A compiled statement: its text, the names of its parameters in order, and the values that it holds itself.

    Compile at import, or once for each shape: building and compiling costs about as much as executing.
    """

    __slots__ = ("_counted", "_kinds", "binding", "given", "order", "text")

    def __init__(self, core: ClauseElement) -> None:
        compiled: Any = core.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})
        self.text = str(compiled)
        self.order: tuple[str, ...] = tuple(compiled.positiontup or ())
        self.given = {name: value for name, value in compiled.params.items() if value is not None}
        types = {name: bound.type for name, bound in compiled.binds.items()}
        self.bind({name: kind_of_type(types.get(name)) for name in self.order})

    @classmethod
    def plain(cls, text: str) -> Self:
        """A statement written by hand, with parameters as `%(name)s`; for what no company's table is in."""
        statement = cls.__new__(cls)
        statement.order = tuple(dict.fromkeys(_NAMED.findall(text)))
        numbers = {name: f"${place}" for place, name in enumerate(statement.order, 1)}
        statement.text = _NAMED.sub(lambda found: numbers[found[1]], text)
        statement.given = {}
        casts: dict[str, set[str]] = {}
        for name, cast in _CAST.findall(text):
            casts.setdefault(name, set()).add(cast)
        kinds = {name: [kind_of_cast(cast) for cast in casts.get(name, ())] for name in statement.order}
        statement.bind({name: found[0] if len(found) == 1 else None for name, found in kinds.items()})
        return statement

    def bind(self, kinds: dict[str, Kind | None]) -> None:
        """How values are written, if that is known of all; None if psycopg finds it out each time."""
        self._kinds = kinds
        known = {name: kind for name, kind in kinds.items() if kind is not None}
        self.binding = Binding(known) if len(known) == len(kinds) else None

    def counted(self) -> Self | None:
        """The same UPDATE, DELETE or INSERT, which fails with a division by zero unless it changes `:rows` rows.

        None for a statement that cannot stand inside another one.
        """
        if not hasattr(self, "_counted"):
            self._counted = self._counting()
        return self._counted

    def _counting(self) -> Self | None:
        if not _PLAIN_CHANGE.match(self.text) or "RETURNING" in self.text.upper():
            return None
        statement = type(self).__new__(type(self))
        statement.order = (*self.order, "rows")
        statement.given = self.given
        fits = f"(count(*) = ${len(statement.order)}::bigint)::integer"
        statement.text = f"WITH changed AS ({self.text} RETURNING 1) SELECT 1 / {fits} FROM changed"  # noqa: S608
        statement.bind({**self._kinds, "rows": BIGINT})
        return statement

    def written(self, values: Mapping[str, Any]) -> list[bytes | None] | None:
        """The values in order as they are sent by `binding`; None if that does not know how to."""
        if self.binding is None:
            return None
        return self.binding.written({**self.given, **values} if self.given else values)

    def parameters(self, values: Mapping[str, Any]) -> list[Any]:
        """The values in order. Raises KeyError for one that is missing."""
        given = self.given
        if not given:
            return [values[name] for name in self.order]
        return [values[name] if name in values else given[name] for name in self.order]
