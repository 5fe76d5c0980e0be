"""Writing a new company, from inside a transaction that may be another company's."""

import secrets
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import DateTime, Integer, Text, Uuid, bindparam
from sqlalchemy.dialects.postgresql import insert

from adapters.sql import audit_log, event_log
from adapters.sql.connection import Connection, execute
from adapters.sql.pipeline import Asked
from adapters.sql.repositories.users import ADD_USER, added_values
from adapters.sql.statement import Statement
from adapters.sql.tables.identity import companies
from adapters.sql.tables.log import event_sequences
from core.companies.model import Company
from core.kernel.actor import NOWHERE, Origin, Via
from core.kernel.events import Fact
from core.users.model import User

_instant = DateTime(timezone=True)
ENTER = Statement.plain("select set_config('app.company_id', %(company)s, true)")
_PRESENT = Statement.plain("select current_setting('app.company_id', true)")

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
_ADD_SEQUENCE = Statement(insert(event_sequences).values(last_seq=0))


async def found(
    connection: Connection,
    company: Company,
    owner: User,
    facts: Callable[[], tuple[Fact, ...]],
    *,
    at: datetime,
    via: Via = Via.SESSION,
    origin: Origin = NOWHERE,
) -> int:
    """Writes a company, its first owner and the beginning of its log, as the application role; returns its sequence.

    The transaction's own company, if it has one, is in force again afterwards. A code that is taken gets a
    suffix; `facts` is called once the code is settled.
    """
    (present, _) = await execute(connection, Asked(_PRESENT, {}), Asked(ENTER, {"company": str(company.id)}))
    before = present.first()
    stem = company.code
    while not await _added(connection, company):
        company.code = f"{stem}-{secrets.token_hex(3)}"
    happened = list(facts())
    actor_id = owner.id if via is Via.SESSION else None
    await execute(
        connection,
        Asked(ADD_USER, added_values(owner)),
        Asked(_ADD_SEQUENCE, {}),
        *audit_log.appending(audit_log.notes_of(happened), actor_id=actor_id, via=str(via), origin=origin, at=at),
        event_log.append(happened, actor_id=actor_id, via=str(via), at=at),
        Asked(ENTER, {"company": before[0] if before and before[0] else ""}),
    )
    return len(happened)


async def _added(connection: Connection, company: Company) -> bool:
    values = {
        name: getattr(company, name)
        for name in ("id", "name", "code", "contact_email", "version", "created_at", "updated_at")
    }
    (added,) = await execute(connection, Asked(_ADD_COMPANY, values))
    return added.count == 1
