"""Writing a new company, from inside a transaction that may be another company's."""

import secrets
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import Boolean, DateTime, Integer, Text, Uuid, bindparam
from sqlalchemy.dialects.postgresql import insert

from adapters.sql import event_log
from adapters.sql.connection import Connection, translated
from adapters.sql.statement import Statement
from adapters.sql.tables.identity import companies
from adapters.sql.tables.log import event_sequences
from adapters.sql.tables.work import users
from core.companies.model import Company
from core.kernel.events import Fact
from core.users.model import User

_instant = DateTime(timezone=True)
_ENTER = "select set_config('app.company_id', %(company)s, true)"
_LEAVE = "select current_setting('app.company_id', true)"

_ADD_COMPANY = Statement(
    insert(companies)
    .values(
        id=bindparam("id", type_=Uuid),
        name=bindparam("name", type_=Text),
        code=bindparam("code", type_=Text),
        contact_email=bindparam("contact_email", type_=Text),
        version=bindparam("version", type_=Integer),
        created_at=bindparam("created_at", type_=_instant),
        updated_at=bindparam("updated_at", type_=_instant),
    )
    .on_conflict_do_nothing(index_elements=["code"])
)
_ADD_USER = Statement(
    insert(users).values(
        id=bindparam("id", type_=Uuid),
        account_id=bindparam("account_id", type_=Uuid),
        kind=bindparam("kind", type_=Text),
        name=bindparam("name", type_=Text),
        email=bindparam("email", type_=Text),
        username=bindparam("username", type_=Text),
        role=bindparam("role", type_=Text),
        is_active=bindparam("is_active", type_=Boolean),
        version=bindparam("version", type_=Integer),
        created_at=bindparam("created_at", type_=_instant),
        updated_at=bindparam("updated_at", type_=_instant),
    )
)
_ADD_SEQUENCE = Statement(insert(event_sequences).values(last_seq=0))


async def found(connection: Connection, company: Company, owner: User, facts: tuple[Fact, ...], *, at: datetime) -> int:
    """Writes a company, its first owner and the beginning of its log, as the application role; returns its sequence.

    The transaction's own company, if it has one, is in force again afterwards. A code that is taken gets a suffix.
    """
    try:
        before = await (await connection.execute(_LEAVE)).fetchone()
        await connection.execute(_ENTER, {"company": str(company.id)})
        stem = company.code
        while not await _added(connection, company):
            company.code = f"{stem}-{secrets.token_hex(3)}"
        await _run(connection, _ADD_USER, _user_values(owner))
        await _run(connection, _ADD_SEQUENCE, {})
        values = event_log.append_values(list(facts), actor_id=owner.id, via="session", at=at)
        await _run(connection, event_log.APPEND, values)
        await connection.execute(_ENTER, {"company": before[0] if before and before[0] else ""})
    except psycopg.Error as error:
        raise translated(error) from error
    return len(facts)


async def _added(connection: Connection, company: Company) -> bool:
    values = {
        name: getattr(company, name)
        for name in ("id", "name", "code", "contact_email", "version", "created_at", "updated_at")
    }
    cursor = await connection.execute(_ADD_COMPANY.text, _ADD_COMPANY.values(values))
    return cursor.rowcount == 1


async def _run(connection: Connection, statement: Statement, values: dict[str, Any]) -> None:
    await connection.execute(statement.text, statement.values(values))


def _user_values(user: User) -> dict[str, Any]:
    names = ("id", "account_id", "name", "email", "username", "is_active", "version", "created_at", "updated_at")
    return {**{name: getattr(user, name) for name in names}, "kind": str(user.kind), "role": str(user.role)}
