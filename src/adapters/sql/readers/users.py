"""Reading the people of a company, and the invitations to it."""

from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Boolean, ColumnElement, DateTime, Select, Text, Uuid, and_, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.connection import Database
from adapters.sql.pipeline import Row
from adapters.sql.readers.paging import Key, ordered, page_of, position_values
from adapters.sql.statement import Statement
from adapters.sql.tables.people import invitations, users
from adapters.sql.tables.work import project_members, projects
from core.kernel.actor import Actor, Role
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.users.model import Invitation, InvitationStatus, UserKind
from core.users.ports import UserFilter
from core.users.read_models import InvitationView, UserView, status_of

USER_COLUMNS: tuple[ColumnElement[Any], ...] = (
    users.c.id,
    users.c.kind,
    users.c.name,
    users.c.email,
    users.c.username,
    users.c.role,
    users.c.is_active,
    users.c.last_login_at,
    users.c.version,
    users.c.created_at,
    users.c.updated_at,
)
INVITATION_COLUMNS: tuple[ColumnElement[Any], ...] = (
    invitations.c.id,
    invitations.c.email,
    invitations.c.role,
    invitations.c.user_id,
    invitations.c.token_digest,
    invitations.c.invited_by,
    invitations.c.created_at,
    invitations.c.expires_at,
    invitations.c.accepted_at,
    invitations.c.revoked_at,
)
_instant = DateTime(timezone=True)

SORTS = {
    "name": Key(users.c.name, Text(), lambda view: view.name),
    "username": Key(users.c.username, Text(), lambda view: view.username),
    "created_at": Key(users.c.created_at, _instant, lambda view: view.created_at.isoformat()),
    "last_login_at": Key(
        users.c.last_login_at,
        _instant,
        lambda view: view.last_login_at.isoformat() if view.last_login_at else None,
        nullable=True,
    ),
}
INVITATION_SORTS = {
    "created_at": Key(invitations.c.created_at, _instant, lambda view: view.created_at.isoformat()),
    "expires_at": Key(invitations.c.expires_at, _instant, lambda view: view.expires_at.isoformat()),
    "email": Key(invitations.c.email, Text(), lambda view: view.email),
}


def user_view(row: Row) -> UserView:
    """A user from a row of USER_COLUMNS."""
    kind, last_login_at = UserKind(row[1]), row[7]
    return UserView(
        id=row[0],
        kind=kind,
        name=row[2],
        email=row[3],
        username=row[4],
        role=Role(row[5]),
        is_active=row[6],
        status=status_of(kind, last_login_at),
        last_login_at=last_login_at,
        version=row[8],
        created_at=row[9],
        updated_at=row[10],
    )


def invitation_of(row: Row) -> Invitation:
    """An invitation from a row of INVITATION_COLUMNS."""
    return Invitation(
        id=row[0],
        email=row[1],
        role=Role(row[2]),
        user_id=row[3],
        token_digest=bytes(row[4]),
        invited_by=row[5],
        created_at=row[6],
        expires_at=row[7],
        accepted_at=row[8],
        revoked_at=row[9],
    )


_mine, _theirs = project_members.alias("mine"), project_members.alias("theirs")


def shares_project(user: str = "for_user") -> ColumnElement[bool]:
    """Whether a row of users has a project in common with the caller."""
    # One that was deleted brings nobody together.
    both = _mine.join(_theirs, _mine.c.project_id == _theirs.c.project_id)
    return (
        select(_mine.c.user_id)
        .select_from(both.join(projects, projects.c.id == _mine.c.project_id))
        .where(_mine.c.user_id == bindparam(user, type_=Uuid), _theirs.c.user_id == users.c.id)
        .exists()
    )


_ONE = Statement(select(*USER_COLUMNS, shares_project()).where(users.c.id == bindparam("user_id", type_=Uuid)))


class Shape(NamedTuple):
    """What the statement of a list depends on; all else are parameters."""

    filters: frozenset[str]
    sort: Sort
    after: bool
    after_null: bool
    most: int
    skips: bool


def _filtered(query: Select[Any], filters: frozenset[str]) -> Select[Any]:
    if "search" in filters:
        search = func.lower(bindparam("search", type_=Text))
        holding = [
            func.strpos(func.lower(each), search) > 0 for each in (users.c.name, users.c.username, users.c.email)
        ]
        query = query.where(or_(*holding))
    if "role" in filters:
        query = query.where(users.c.role == func.any(bindparam("role", type_=ARRAY(Text))))
    if "is_active" in filters:
        query = query.where(users.c.is_active == bindparam("is_active", type_=Boolean))
    return query


@lru_cache(maxsize=500)
def _page(shape: Shape) -> Statement:
    return Statement(
        ordered(
            _filtered(select(*USER_COLUMNS), shape.filters),
            key=SORTS[shape.sort.field],
            id_column=users.c.id,
            sort=shape.sort,
            after=shape.after,
            after_null=shape.after_null,
            most=shape.most,
            skips=shape.skips,
        )
    )


@lru_cache(maxsize=100)
def _count(filters: frozenset[str]) -> Statement:
    return Statement(_filtered(select(func.count()).select_from(users), filters))


_now = bindparam("now", type_=_instant)
_WITH_STATUS: dict[str, ColumnElement[bool]] = {
    InvitationStatus.ACCEPTED: invitations.c.accepted_at.is_not(None),
    InvitationStatus.REVOKED: and_(invitations.c.accepted_at.is_(None), invitations.c.revoked_at.is_not(None)),
    InvitationStatus.PENDING: and_(
        invitations.c.accepted_at.is_(None), invitations.c.revoked_at.is_(None), invitations.c.expires_at > _now
    ),
    InvitationStatus.EXPIRED: and_(
        invitations.c.accepted_at.is_(None), invitations.c.revoked_at.is_(None), invitations.c.expires_at <= _now
    ),
}


def _with_status(query: Select[Any], status: frozenset[str]) -> Select[Any]:
    return query.where(or_(*(_WITH_STATUS[each] for each in sorted(status)))) if status else query


_INVITATION = Statement(select(*INVITATION_COLUMNS).where(invitations.c.id == bindparam("invitation_id", type_=Uuid)))


@lru_cache(maxsize=500)
def _invitation_page(shape: Shape) -> Statement:
    return Statement(
        ordered(
            _with_status(select(*INVITATION_COLUMNS), shape.filters),
            key=INVITATION_SORTS[shape.sort.field],
            id_column=invitations.c.id,
            sort=shape.sort,
            after=shape.after,
            after_null=False,
            most=shape.most,
            skips=shape.skips,
        )
    )


@lru_cache(maxsize=100)
def _invitation_count(status: frozenset[str]) -> Statement:
    return Statement(_with_status(select(func.count()).select_from(invitations), status))


class SqlUserReader:
    """What screens show of people."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, actor: Actor, *, where: UserFilter, sort: Sort, page: PageRequest) -> Answer[Page[UserView]]:
        values: dict[str, Any] = {}
        if where.search is not None:
            values["search"] = where.search
        if where.role:
            values["role"] = [str(role) for role in where.role]
        if where.is_active is not None:
            values["is_active"] = where.is_active
        filters = frozenset(values)
        shape = _shape(filters, sort, page)
        count = (_count(filters), values) if page.include_total else None
        found = await self._database.rows(actor, _page(shape), {**values, **position_values(page)}, also=count)
        read = SORTS[sort.field].read
        total = found.also[0][0] if page.include_total else None
        views = [user_view(row) for row in found.rows]
        return Answer(
            page_of(views, page, position=lambda view: (read(view), str(view.id)), total=total),
            found.seq,
        )

    async def one(self, actor: Actor, user_id: UUID) -> Answer[tuple[UserView, bool] | None]:
        found = await self._database.rows(actor, _ONE, {"user_id": user_id, "for_user": actor.user_id})
        if not found.rows:
            return Answer(None, found.seq)
        return Answer((user_view(found.rows[0]), found.rows[0][-1]), found.seq)

    async def invitation(self, actor: Actor, invitation_id: UUID, *, at: datetime) -> Answer[InvitationView | None]:
        rows, seq, _ = await self._database.rows(actor, _INVITATION, {"invitation_id": invitation_id})
        return Answer(InvitationView.of(invitation_of(rows[0]), at=at) if rows else None, seq)

    async def invitations(
        self, actor: Actor, *, status: tuple[InvitationStatus, ...], at: datetime, sort: Sort, page: PageRequest
    ) -> Answer[Page[InvitationView]]:
        wanted = frozenset(str(each) for each in status)
        values: dict[str, Any] = {"now": at}
        count = (_invitation_count(wanted), values) if page.include_total else None
        statement = _invitation_page(_shape(wanted, sort, page))
        found = await self._database.rows(actor, statement, {**values, **position_values(page)}, also=count)
        read = INVITATION_SORTS[sort.field].read
        total = found.also[0][0] if page.include_total else None
        views = [InvitationView.of(invitation_of(row), at=at) for row in found.rows]
        return Answer(
            page_of(views, page, position=lambda view: (read(view), str(view.id)), total=total),
            found.seq,
        )


def _shape(filters: frozenset[str], sort: Sort, page: PageRequest) -> Shape:
    position = page.position
    return Shape(
        filters,
        sort,
        after=position is not None,
        after_null=position is not None and position[0] is None,
        most=page.limit + 1,
        skips=page.skip > 0,
    )
