"""What is stored sealed, and sealing it anew after the installation's secret was changed.

A feature that stores a secret adds its column to SEALED, and `flowtrack rekey` and `flowtrack doctor` know of it.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from adapters.crypto.sealing import Sealer, Unsealable
from adapters.sql.preflight import refuse_malformed
from adapters.sql.roles import UPKEEP
from adapters.sql.upkeep import AS_APPLICATION, COMPANIES, ENTER


class SealedColumn(NamedTuple):
    """A column of sealed bytes; `key` are the columns that name a row, within its company where the table has one."""

    table: str
    key: tuple[str, ...]
    column: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


_IS_TENANTS = """
select 1 from pg_attribute where attrelid = to_regclass('public.' || %s) and attname = 'company_id'
"""

# An empty value is one that was thrown away, as of a signing key that was retired.
SEALED = (
    SealedColumn("signing_keys", ("kid",), "sealed_private_jwk"),
    SealedColumn("accounts", ("id",), "totp_secret"),
    SealedColumn("oidc_connections", ("id",), "sealed_client_secret"),
    SealedColumn("webhooks", ("id",), "sealed_secret"),
    SealedColumn("webhooks", ("id",), "sealed_previous_secret"),
)


class Resealed(NamedTuple):
    """How many values of a column were sealed anew, and how many had no need of it."""

    column: SealedColumn
    anew: int
    already: int


def reseal(url: str, sealer: Sealer, columns: Sequence[SealedColumn] = SEALED) -> Iterator[Resealed]:
    """Seals with the present secret all that was sealed with the previous one: one transaction a column, safe to run
    again. Raises Unsealable, and then leaves that column as it was, and psycopg.Error.
    """
    refuse_malformed(url, variable="FLOWTRACK_DATABASE_URL")
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        for column in columns:
            with connection.transaction():
                anew = already = 0
                for key, sealed in _values(connection, column, lock=True):
                    if sealer.is_present(sealed):
                        already += 1
                    else:
                        _store(connection, column, key, sealer.seal(sealer.open(sealed)))
                        anew += 1
            yield Resealed(column, anew, already)


class Opening(NamedTuple):
    """How the present settings open what is stored: by the present secret, by the previous one, or not at all."""

    present: int
    previous: int
    closed: dict[str, int]


def opening(connection: psycopg.Connection[Any], sealer: Sealer, columns: Sequence[SealedColumn] = SEALED) -> Opening:
    """Tries to open all that is sealed. Raises psycopg.Error."""
    present = previous = 0
    closed: dict[str, int] = {}
    for column in columns:
        with connection.transaction():
            for _, sealed in _values(connection, column, lock=False):
                if sealer.is_present(sealed):
                    present += 1
                    continue
                try:
                    sealer.open(sealed)
                    previous += 1
                except Unsealable:
                    closed[str(column)] = closed.get(str(column), 0) + 1
    return Opening(present, previous, closed)


def _values(
    connection: psycopg.Connection[Any], column: SealedColumn, *, lock: bool
) -> Iterator[tuple[tuple[Any, ...], bytes]]:
    """Each row's key and sealed value, in a transaction that can change it."""
    _become_upkeep(connection)
    if connection.execute(_IS_TENANTS, (column.table,)).fetchone() is None:
        yield from _rows(connection, column, lock=lock)
        return
    companies = connection.execute(COMPANIES).fetchall()
    connection.execute(AS_APPLICATION)
    for (company,) in companies:
        connection.execute(ENTER, {"company": str(company)})
        yield from _rows(connection, column, lock=lock)


def _become_upkeep(connection: psycopg.Connection[Any]) -> None:
    connection.execute(sql.SQL("set local role {}").format(sql.Identifier(UPKEEP)))


def _rows(
    connection: psycopg.Connection[Any], column: SealedColumn, *, lock: bool
) -> list[tuple[tuple[Any, ...], bytes]]:
    statement = sql.SQL("select {key}, {column} from {table} where length({column}) > 0 order by {key}").format(
        key=sql.SQL(", ").join(map(sql.Identifier, column.key)),
        column=sql.Identifier(column.column),
        table=sql.Identifier(column.table),
    )
    found = connection.execute(statement + sql.SQL(" for update" if lock else ""))
    return [(tuple(row[:-1]), bytes(row[-1])) for row in found]


def _store(connection: psycopg.Connection[Any], column: SealedColumn, key: tuple[Any, ...], sealed: bytes) -> None:
    fits = sql.SQL(" and ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in column.key)
    statement = sql.SQL("update {} set {} = %s where ").format(
        sql.Identifier(column.table), sql.Identifier(column.column)
    )
    changed = connection.execute(statement + fits, (sealed, *key)).rowcount
    assert changed == 1, f"{column}: {changed} rows have one key"
