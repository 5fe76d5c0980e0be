"""Letters that wait beside an account, and what changes with the account, as seen by transactions of the doors.

A letter is stored without secrets, and sent by who reads it in `posting`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from adapters.sql import audit_log, event_log
from adapters.sql.connection import Connection, execute
from adapters.sql.founding import ENTER
from adapters.sql.pipeline import Asked
from adapters.sql.repositories.users import SAVE_USER, saved_values, user_of
from adapters.sql.roles import UPKEEP
from adapters.sql.statement import Statement
from core.auth.letters import Letter, LetterKind
from core.kernel.actor import Origin, Via
from core.kernel.events import Fact
from core.users.model import User

_AS_UPKEEP = Statement.plain(f"set local role {UPKEEP}")
_AS_APPLICATION = Statement.plain("set local role none")
_WRITE = Statement.plain("""
update accounts set letters = letters || jsonb_build_array(%(letter)s::jsonb), letters_due_at = %(at)s
 where id = %(account)s
""")
# As much work as a change and its way to the disk, in the log that PostgreSQL writes ahead; it is read by nobody.
_PRETEND = Statement.plain("select pg_logical_emit_message(true, 'flowtrack', %(text)s::text)")
_USERS_OF = Statement.plain("""
select c.id, u.id, u.account_id, u.kind, u.name, u.email, u.username, u.role, u.is_active, u.accepted_at, u.created_at,
       u.updated_at, u.version
  from users u join companies c on c.id = u.company_id and c.is_active and c.deleted_at is null
 where u.account_id = %(account)s
 order by u.company_id for update of u
""")


async def write(connection: Connection, letter: Letter) -> None:
    """Puts a letter beside its account."""
    values = {"account": letter.account_id, "at": letter.at, "letter": Jsonb(_stored(letter))}
    await execute(connection, Asked(_WRITE, values))


async def pretend(connection: Connection) -> None:
    """Takes as long as saving an account and writing a letter, and changes nothing."""
    for text in ("an account", "a letter"):
        await execute(connection, Asked(_PRETEND, {"text": text}))


async def users_of(connection: Connection, account_id: UUID) -> list[tuple[UUID, User]]:
    """The users that an account is in active companies, locked in the order of these."""
    (found,) = await execute(connection, Asked(_USERS_OF, {"account": account_id}))
    return [(company_id, user_of(tuple(row))) for company_id, *row in found.rows()]


async def save_user(
    connection: Connection, company_id: UUID, user: User, facts: Sequence[Fact], *, at: datetime, origin: Origin
) -> None:
    """Writes a user and what happened to them, inside the wall of their company."""
    by: dict[str, Any] = {"actor_id": user.id, "via": str(Via.SESSION), "at": at}
    await execute(
        connection,
        Asked(_AS_APPLICATION, {}),
        Asked(ENTER, {"company": str(company_id)}),
        Asked(SAVE_USER, saved_values(user)),
        *audit_log.appending(audit_log.notes_of(facts), origin=origin, **by),
        event_log.append(list(facts), **by),
        Asked(ENTER, {"company": ""}),
        Asked(_AS_UPKEEP, {}),
    )


def letters_of(account_id: UUID, stored: list[dict[str, Any]]) -> tuple[Letter, ...]:
    """The letters of an account's row."""
    return tuple(
        Letter(
            id=UUID(each["id"]),
            kind=LetterKind(each["kind"]),
            account_id=account_id,
            to=each["to"],
            at=datetime.fromisoformat(each["at"]),
            about=each.get("about", {}),
        )
        for each in stored
    )


def _stored(letter: Letter) -> dict[str, Any]:
    stored = {"id": str(letter.id), "kind": str(letter.kind), "to": letter.to, "at": letter.at.isoformat()}
    return {**stored, "about": dict(letter.about)} if letter.about else stored
