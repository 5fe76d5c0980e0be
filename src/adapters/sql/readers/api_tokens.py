"""Reading the API tokens of a company's users."""

from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, Select, Text, Uuid, and_, bindparam, func, or_, select

from adapters.sql.connection import Database
from adapters.sql.pipeline import Row
from adapters.sql.readers.paging import Key, ordered, page_of, position_values
from adapters.sql.statement import Statement
from adapters.sql.tables.people import api_tokens
from core.kernel.actor import Actor
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.tokens.model import ApiToken, ApiTokenStatus
from core.tokens.read_models import ApiTokenView

_instant = DateTime(timezone=True)
API_TOKEN_COLUMNS: tuple[ColumnElement[Any], ...] = (
    api_tokens.c.id,
    api_tokens.c.user_id,
    api_tokens.c.name,
    api_tokens.c.scopes,
    api_tokens.c.digest,
    api_tokens.c.hint,
    api_tokens.c.created_by,
    api_tokens.c.created_at,
    api_tokens.c.expires_at,
    api_tokens.c.last_used_at,
    api_tokens.c.revoked_at,
)
SORTS = {
    "name": Key(api_tokens.c.name, Text(), lambda view: view.name),
    "created_at": Key(api_tokens.c.created_at, _instant, lambda view: view.created_at.isoformat()),
    "expires_at": Key(
        api_tokens.c.expires_at,
        _instant,
        lambda view: view.expires_at.isoformat() if view.expires_at else None,
        nullable=True,
    ),
    "last_used_at": Key(
        api_tokens.c.last_used_at,
        _instant,
        lambda view: view.last_used_at.isoformat() if view.last_used_at else None,
        nullable=True,
    ),
}

_now = bindparam("now", type_=_instant)
_stands = api_tokens.c.revoked_at.is_(None)
WORKS = and_(_stands, or_(api_tokens.c.expires_at.is_(None), api_tokens.c.expires_at > _now))
"""Whether a row is of a token that is neither revoked nor expired at the instant `:now`."""
_WITH_STATUS: dict[str, ColumnElement[bool]] = {
    ApiTokenStatus.ACTIVE: WORKS,
    ApiTokenStatus.EXPIRED: and_(_stands, api_tokens.c.expires_at <= _now),
    ApiTokenStatus.REVOKED: api_tokens.c.revoked_at.is_not(None),
}


def api_token_of(row: Row) -> ApiToken:
    """A token from a row of API_TOKEN_COLUMNS."""
    return ApiToken(
        id=row[0],
        user_id=row[1],
        name=row[2],
        scopes=tuple(row[3]),
        digest=bytes(row[4]),
        hint=row[5],
        created_by=row[6],
        created_at=row[7],
        expires_at=row[8],
        last_used_at=row[9],
        revoked_at=row[10],
    )


class Shape(NamedTuple):
    """What the statement of the list depends on; all else are parameters."""

    status: frozenset[str]
    sort: Sort
    after: bool
    after_null: bool
    most: int
    skips: bool


def _filtered(query: Select[Any], status: frozenset[str]) -> Select[Any]:
    query = query.where(api_tokens.c.user_id == bindparam("user_id", type_=Uuid))
    return query.where(or_(*(_WITH_STATUS[each] for each in sorted(status)))) if status else query


@lru_cache(maxsize=500)
def _page(shape: Shape) -> Statement:
    return Statement(
        ordered(
            _filtered(select(*API_TOKEN_COLUMNS), shape.status),
            key=SORTS[shape.sort.field],
            id_column=api_tokens.c.id,
            sort=shape.sort,
            after=shape.after,
            after_null=shape.after_null,
            most=shape.most,
            skips=shape.skips,
        )
    )


@lru_cache(maxsize=100)
def _count(status: frozenset[str]) -> Statement:
    return Statement(_filtered(select(func.count()).select_from(api_tokens), status))


_ONE = Statement(select(*API_TOKEN_COLUMNS).where(api_tokens.c.id == bindparam("token_id", type_=Uuid)))


class SqlApiTokenReader:
    """What screens show of tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self,
        actor: Actor,
        user_id: UUID,
        *,
        status: tuple[ApiTokenStatus, ...],
        at: datetime,
        sort: Sort,
        page: PageRequest,
    ) -> Answer[Page[ApiTokenView]]:
        wanted = frozenset(str(each) for each in status)
        values: dict[str, Any] = {"user_id": user_id, "now": at}
        position = page.position
        shape = Shape(
            wanted,
            sort,
            after=position is not None,
            after_null=position is not None and position[0] is None,
            most=page.limit + 1,
            skips=page.skip > 0,
        )
        count = (_count(wanted), values) if page.include_total else None
        found = await self._database.rows(actor, _page(shape), {**values, **position_values(page)}, also=count)
        views = [ApiTokenView.of(api_token_of(row), at=at) for row in found.rows]
        total = found.also[0][0] if page.include_total else None
        read = SORTS[sort.field].read
        return Answer(page_of(views, page, position=lambda view: (read(view), str(view.id)), total=total), found.seq)

    async def one(self, actor: Actor, token_id: UUID, *, at: datetime) -> Answer[ApiTokenView | None]:
        found = await self._database.rows(actor, _ONE, {"token_id": token_id})
        return Answer(ApiTokenView.of(api_token_of(found.rows[0]), at=at) if found.rows else None, found.seq)
