"""The door to the keys that sign access tokens, which belong to no company. Only the container may import this."""

from datetime import datetime
from typing import Any

from adapters.crypto.key_ring import StoredKey
from adapters.sql.connection import COMMIT, Database, execute
from adapters.sql.pipeline import Asked
from adapters.sql.statement import Statement

_KEYS = Statement.plain(
    "select kid, public_jwk, sealed_private_jwk, retired_at from signing_keys where purpose = 'access_token'"
    " order by created_at desc"
)
_LOCK_KEYS = Statement.plain("select pg_advisory_xact_lock(7163298416)")
_ADD_KEY = Statement.plain("""
insert into signing_keys (kid, public_jwk, sealed_private_jwk, created_at)
select %(kid)s::text, %(public)s::text, %(private)s::bytea, %(at)s::timestamptz
 where not exists (select from signing_keys where retired_at is null and purpose = 'access_token')
""")
_RETIRE_KEYS = Statement.plain(
    "update signing_keys set retired_at = %(at)s, sealed_private_jwk = ''"
    " where retired_at is null and purpose = 'access_token'"
)


class SqlSigningKeys:
    """The keys that sign access tokens, shared by all processes; the private halves are sealed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[StoredKey]:
        """The newest first."""
        connection = await self._database.begin_upkeep()
        try:
            (found,) = await execute(connection, Asked(_KEYS, {}))
            return [StoredKey(row[0], row[1], bytes(row[2]), row[3]) for row in found.rows()]
        finally:
            await self._database.end(connection)

    async def add_first(self, key: StoredKey, *, at: datetime) -> None:
        """Adds a key unless there is one that signs: of several processes that start at once, one wins."""
        await self._add(Asked(_ADD_KEY, _key_values(key, at)))

    async def replace(self, key: StoredKey, *, at: datetime) -> None:
        """Adds a key, and retires those that signed until now; their private halves are gone for good."""
        await self._add(Asked(_RETIRE_KEYS, {"at": at}), Asked(_ADD_KEY, _key_values(key, at)))

    async def _add(self, *asked: Asked) -> None:
        connection = await self._database.begin_upkeep()
        try:
            # Alone first, so that what follows sees the key of whoever was quicker.
            await execute(connection, Asked(_LOCK_KEYS, {}))
            await execute(connection, *asked, Asked(COMMIT, {}))
        finally:
            await self._database.end(connection)


def _key_values(key: StoredKey, at: datetime) -> dict[str, Any]:
    return {"kid": key.kid, "public": key.public_jwk, "private": key.sealed_private_jwk, "at": at}
