"""API tokens of all companies, as requests bring them: a door across companies. Only the container may import this."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from adapters.sql.connection import COMMIT, Database, execute
from adapters.sql.pipeline import Asked
from adapters.sql.statement import Statement
from adapters.sql.upkeep import Upkeep
from core.kernel.actor import Role
from core.tokens.read_models import Recognised

# A function of the database's, which answers nothing to who does not know the digest.
_RECOGNISE = Statement.plain(
    "select id, company_id, user_id, account_id, role, scopes, expires_at from api_token_of(%(digest)s)"
)
# In one order, whoever asks: two processes that note the same tokens must not wait for each other.
_NOTE_USES = Statement.plain("""
update api_tokens t set last_used_at = used.at
  from (select a.company_id, a.id, u.at
          from unnest(%(ids)s::uuid[], %(instants)s::timestamptz[]) as u (id, at)
          join api_tokens a on a.id = u.id and (a.last_used_at is null or a.last_used_at < u.at)
         order by a.company_id, a.id
           for no key update of a) used
 where t.company_id = used.company_id and t.id = used.id
""")


class SqlPresentedTokens:
    """Whose tokens are, and when they were used."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._upkeep = Upkeep(database)

    async def recognise(self, digest: bytes) -> Recognised | None:
        async with self._database.connection() as connection:
            (found,) = await execute(connection, Asked(_RECOGNISE, {"digest": digest}))
            row = found.first()
        if row is None:
            return None
        return Recognised(
            token_id=row[0],
            company_id=row[1],
            user_id=row[2],
            account_id=row[3],
            role=Role(row[4]),
            scopes=frozenset(row[5]),
            expires_at=row[6],
        )

    async def note_uses(self, uses: Mapping[UUID, datetime]) -> None:
        values = {"ids": list(uses), "instants": list(uses.values())}
        async with self._upkeep.across() as connection:
            await execute(connection, Asked(_NOTE_USES, values), Asked(COMMIT, {}))
