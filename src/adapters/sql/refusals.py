"""Noting what was refused: its transaction was rolled back, so it is written in one of its own."""

from adapters.sql import audit_log
from adapters.sql.connection import COMMIT, Database, execute
from adapters.sql.pipeline import Asked
from core.kernel.actor import Actor
from core.kernel.audit import Note
from core.kernel.ports import Clock


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
