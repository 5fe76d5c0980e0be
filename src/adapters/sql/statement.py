"""Core statements, compiled once to the text that psycopg executes."""

from typing import Any

from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql.expression import ClauseElement

DIALECT: Any = PGDialect_psycopg()  # type: ignore[no-untyped-call,unused-ignore]


class Statement:
    """A compiled statement: its text, and the values that it holds itself.

    Compile at import, or once for each shape: building and compiling costs about as much as executing.
    """

    __slots__ = ("given", "text")

    def __init__(self, core: ClauseElement) -> None:
        compiled: Any = core.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})
        self.text = str(compiled)
        self.given = {name: value for name, value in compiled.params.items() if value is not None}

    def values(self, values: dict[str, Any]) -> dict[str, Any]:
        """The parameters to execute with."""
        return {**self.given, **values} if self.given else values
