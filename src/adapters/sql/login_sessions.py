"""The door to the login sessions of the caller's account. Only the container may import this.

It works under the upkeep role, as those of `system` do: the application can read no login sessions.
"""

from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import DateTime, Select, Uuid, bindparam, exists, func, select

from adapters.sql.connection import Database, execute, opened, opening
from adapters.sql.pipeline import Asked
from adapters.sql.readers.paging import Key, ordered, page_of, position_values
from adapters.sql.statement import Statement
from adapters.sql.tables.identity import login_sessions
from core.auth.read_models import SessionView
from core.kernel.actor import Actor
from core.kernel.paging import Answer, Page, PageRequest, Sort

_instant = DateTime(timezone=True)
SORTS = {
    "last_used_at": Key(login_sessions.c.last_used_at, _instant, lambda view: view.last_used_at.isoformat()),
    "created_at": Key(login_sessions.c.created_at, _instant, lambda view: view.created_at.isoformat()),
    "expires_at": Key(login_sessions.c.expires_at, _instant, lambda view: view.expires_at.isoformat()),
}
_present = login_sessions.alias("present")
# Those that the account belongs to, so that a company which it has left is named no more.
_companies = func.companies_of_session(bindparam("session", type_=Uuid)).table_valued("id", "name", name="memberships")


# What one company's own provider began sees nothing of what began otherwise.
_REACHED = exists().where(
    _present.c.id == bindparam("session", type_=Uuid),
    _present.c.general_at.is_not(None)
    | (
        login_sessions.c.general_at.is_(None)
        & login_sessions.c.sso_company_ids.contained_by(_present.c.sso_company_ids)
    ),
)


def _open(query: Select[Any]) -> Select[Any]:
    """The open sessions of the account that `:session` is of, as far as that reaches."""
    account = select(_present.c.account_id).where(_present.c.id == bindparam("session", type_=Uuid))
    return query.where(
        login_sessions.c.account_id == account.scalar_subquery(),
        _REACHED,
        login_sessions.c.revoked_at.is_(None),
        login_sessions.c.code_digest.is_(None),
        login_sessions.c.expires_at > func.now(),
    )


class Shape(NamedTuple):
    """What the statement of the list depends on; all else are parameters."""

    sort: Sort
    after: bool
    most: int
    skips: bool


@lru_cache(maxsize=500)
def _page(shape: Shape) -> Statement:
    views = select(
        login_sessions.c.id,
        login_sessions.c.agent,
        login_sessions.c.address,
        login_sessions.c.created_at,
        login_sessions.c.last_used_at,
        login_sessions.c.expires_at,
        login_sessions.c.authenticated_at,
        login_sessions.c.id == bindparam("session", type_=Uuid),
        _companies.c.id,
        _companies.c.name,
    ).select_from(login_sessions.outerjoin(_companies, _companies.c.id == login_sessions.c.current_company_id))
    return Statement(
        ordered(
            _open(views),
            key=SORTS[shape.sort.field],
            id_column=login_sessions.c.id,
            sort=shape.sort,
            after=shape.after,
            after_null=False,
            most=shape.most,
            skips=shape.skips,
        )
    )


_COUNT = Statement(_open(select(func.count()).select_from(login_sessions)))


class SqlSessionReader:
    """The open login sessions of the caller's account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_sessions(self, actor: Actor, *, sort: Sort, page: PageRequest) -> Answer[Page[SessionView]]:
        values: dict[str, Any] = {"session": actor.session_id}
        shape = Shape(sort, page.position is not None, page.limit + 1, page.skip > 0)
        asked = [Asked(_page(shape), {**values, **position_values(page)})]
        if page.include_total:
            asked.append(Asked(_COUNT, values))
        connection = await self._database.begin_upkeep()
        try:
            door, found, *counted = await execute(connection, opening(actor), *asked)
            seq = opened(actor, door).seq
        finally:
            await self._database.end(connection)
        views = [SessionView._make(row) for row in found.rows()]
        total = counted[0].rows()[0][0] if counted else None
        read = SORTS[sort.field].read
        return Answer(page_of(views, page, position=lambda view: (read(view), str(view.id)), total=total), seq)
