"""Noting what was refused: its transaction was rolled back, so it is written in one of its own. Of who is not signed
in, by a door across companies, beside that in `system`. Only the container may import this.
"""

from adapters.sql import audit_log
from adapters.sql.connection import COMMIT, Database, execute
from adapters.sql.pipeline import Asked
from adapters.sql.telling import telling
from core.kernel.actor import Actor, Origin
from core.kernel.audit import Note
from core.kernel.errors import Concern
from core.kernel.ports import Clock

# Of an account, to the company that it was to enter, active there or not; else to all that it is active in, else to
# those that it was. Without an account, to the company that is known, by itself or by its connection. Of nobody who is
# known, to the chain of no company.
_TELL = telling("""
mine as (
  select u.company_id, u.id,
         case when c.id = %(company)s::uuid or c.code = %(code)s::text then 1 when u.is_active then 2 else 3 end as rank
    from users u join companies c on c.id = u.company_id and c.is_active and c.deleted_at is null
   where u.account_id = %(account)s::uuid and u.accepted_at is not null
), found as (
  select company_id, id as actor_id from mine where rank = (select min(rank) from mine)
  union all
  select c.id, null
    from companies c
   where %(account)s::uuid is null and c.is_active and c.deleted_at is null
     and c.id = coalesce(%(company)s::uuid,
                         (select o.company_id from oidc_connections o where o.id = %(connection)s::uuid))
), told as (
  select company_id, actor_id from found
  union all select %(nobody)s::uuid, null where not exists (select from found)
)
""")


class SqlAuditLog:
    """Writes what belongs to no other transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def note(self, actor: Actor, note: Note, *, coalesced_by: str | None = None) -> None:
        """Notes it for the caller as the database knows them."""
        connection, opened, _ = await self._database.begin(actor)
        try:
            now = opened.actor
            values = audit_log.values(
                note,
                actor_id=now.user_id,
                via=str(now.via),
                origin=actor.origin,
                at=self._clock.now(),
                session_id=now.session_id,
                token_id=now.token_id,
                coalesced_by=coalesced_by,
            )
            await execute(connection, Asked(audit_log.APPEND_ONCE, values), Asked(COMMIT, {}))
        finally:
            await self._database.end(connection)
        self._database.noted()

    async def tell(self, concern: Concern, note: Note, *, origin: Origin, coalesced_by: str) -> None:
        """Notes what nobody signed in was refused, for whom it concerns."""
        values = audit_log.values(
            note,
            actor_id=None,
            via=audit_log.VISITOR,
            origin=origin,
            at=self._clock.now(),
            coalesced_by=coalesced_by,
        )
        told = {
            "account": concern.account_id,
            "company": concern.company_id,
            "code": concern.company_code,
            "connection": concern.connection_id,
            "nobody": audit_log.NOBODYS,
            "kept": True,
        }
        connection = await self._database.begin_upkeep()
        try:
            await execute(connection, Asked(_TELL, {**values, **told}), Asked(COMMIT, {}))
        finally:
            await self._database.end(connection)
        self._database.noted()
