"""Loading and saving the people of a company, and the invitations to it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.pipeline import Row
from adapters.sql.readers.users import INVITATION_COLUMNS, invitation_of, shares_project
from adapters.sql.statement import Statement
from adapters.sql.tables.identity import companies
from adapters.sql.tables.people import invitations, users
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.kernel.actor import Role
from core.users.model import Invitation, User, UserKind
from core.users.ports import LoadedUser

_instant = DateTime(timezone=True)
_KINDS: dict[str, Any] = {
    "id": Uuid,
    "account_id": Uuid,
    "kind": Text,
    "name": Text,
    "email": Text,
    "username": Text,
    "role": Text,
    "is_active": Boolean,
    "accepted_at": _instant,
    "created_at": _instant,
    "updated_at": _instant,
    "version": Integer,
}
_columns = [users.c[name] for name in _KINDS]
# Ownership is decided with the company's row locked; foreign keys to the company do not wait for this.
_LOCK_COMPANY = Statement(select(companies.c.id).with_for_update(of=companies, key_share=True))
_CALLER = Statement(
    select(users.c.role).where(
        users.c.id == bindparam("user_id", type_=Uuid), users.c.is_active.is_(True), users.c.accepted_at.is_not(None)
    )
)
_OTHERS_OWN = Statement(
    select(
        select(users.c.id)
        .where(
            users.c.id != bindparam("user_id", type_=Uuid),
            users.c.role == "owner",
            users.c.kind == "person",
            users.c.is_active.is_(True),
            users.c.accepted_at.is_not(None),
            users.c.last_login_at.is_not(None),
        )
        .exists()
    )
)
_LOAD = Statement(
    select(*_columns, users.c.last_login_at, shares_project())
    .where(users.c.id == bindparam("user_id", type_=Uuid))
    .with_for_update(of=users, key_share=True)
)
_BY_ADDRESS = Statement(
    select(*_columns, users.c.last_login_at)
    .where(users.c.email == bindparam("email", type_=Text))
    .with_for_update(of=users, key_share=True)
)
# Usernames for those who chose none are looked for one after the other, or all would find the same one.
_USERNAMES = 0x75736572
_LOCK_USERNAMES = Statement(select(cast(func.pg_advisory_xact_lock(bindparam("lock", type_=BigInteger)), Text)))
_TAKEN = Statement(
    select(func.lower(users.c.username)).where(
        func.lower(users.c.username).in_(select(func.unnest(bindparam("candidates", type_=ARRAY(Text)))))
    )
)
ADD_USER = Statement(insert(users).values({name: bindparam(name, type_=kind) for name, kind in _KINDS.items()}))
_CHANGED = ("name", "email", "username", "role", "is_active", "accepted_at", "version", "updated_at")
SAVE_USER = Statement(
    update(users)
    .where(users.c.id == bindparam("user_id", type_=Uuid))
    .values({users.c[name]: bindparam(f"new_{name}", type_=_KINDS[name]) for name in _CHANGED})
)

_INVITATION_KINDS: dict[str, Any] = {
    "id": Uuid,
    "email": Text,
    "role": Text,
    "user_id": Uuid,
    "token_digest": LargeBinary,
    "invited_by": Uuid,
    "created_at": _instant,
    "expires_at": _instant,
    "accepted_at": _instant,
    "revoked_at": _instant,
}
_INVITATION = Statement(
    select(*INVITATION_COLUMNS)
    .where(invitations.c.id == bindparam("invitation_id", type_=Uuid))
    .with_for_update(of=invitations)
)
_OPEN_FOR = Statement(
    select(*INVITATION_COLUMNS)
    .where(
        invitations.c.email == bindparam("email", type_=Text),
        invitations.c.accepted_at.is_(None),
        invitations.c.revoked_at.is_(None),
    )
    .with_for_update(of=invitations)
)
_ADD_INVITATION = Statement(
    insert(invitations).values({name: bindparam(name, type_=kind) for name, kind in _INVITATION_KINDS.items()})
)
SAVE_INVITATION = Statement(
    update(invitations)
    .where(invitations.c.id == bindparam("invitation_id", type_=Uuid))
    .values(
        user_id=bindparam("new_user_id", type_=Uuid),
        accepted_at=bindparam("new_accepted_at", type_=_instant),
        revoked_at=bindparam("new_revoked_at", type_=_instant),
    )
)


class SqlUsers:
    """The users of one unit of work's company."""

    def __init__(self, unit: SqlUnitOfWork) -> None:
        self._unit = unit

    async def lock_ownership(self, caller_id: UUID) -> Role | None:
        # The second looks after the first has waited, so it sees what the others did.
        _, rows = await self._unit.fetch((_LOCK_COMPANY, {}), (_CALLER, {"user_id": caller_id}))
        return Role(rows[0][0]) if rows else None

    async def others_own(self, user_id: UUID) -> bool:
        (rows,) = await self._unit.fetch((_OTHERS_OWN, {"user_id": user_id}))
        return bool(rows[0][0])

    async def load(self, user_id: UUID, *, for_user: UUID) -> LoadedUser | None:
        (rows,) = await self._unit.fetch((_LOAD, {"user_id": user_id, "for_user": for_user}))
        if not rows:
            return None
        *row, last_login_at, shares = rows[0]
        return LoadedUser(user_of(row), last_login_at, shares)

    async def by_address(self, email: str) -> LoadedUser | None:
        (rows,) = await self._unit.fetch((_BY_ADDRESS, {"email": email}))
        if not rows:
            return None
        *row, last_login_at = rows[0]
        return LoadedUser(user_of(row), last_login_at, shares_project=False)

    async def free_username(self, candidates: list[str]) -> str | None:
        _, rows = await self._unit.fetch(*asking_for_username(self._unit.actor.company_id, candidates))
        return free_of(candidates, rows)

    def add(self, user: User) -> None:
        self._unit.write(ADD_USER, added_values(user))

    def save(self, user: User) -> None:
        self._unit.write(SAVE_USER, saved_values(user), rows=1)


class SqlInvitations:
    """The invitations to one unit of work's company."""

    def __init__(self, unit: SqlUnitOfWork) -> None:
        self._unit = unit

    async def load(self, invitation_id: UUID) -> Invitation | None:
        (rows,) = await self._unit.fetch((_INVITATION, {"invitation_id": invitation_id}))
        return invitation_of(rows[0]) if rows else None

    async def open_for(self, email: str) -> Invitation | None:
        (rows,) = await self._unit.fetch((_OPEN_FOR, {"email": email}))
        return invitation_of(rows[0]) if rows else None

    def add(self, invitation: Invitation) -> None:
        values = {name: getattr(invitation, name) for name in _INVITATION_KINDS}
        self._unit.write(_ADD_INVITATION, {**values, "role": str(invitation.role)})

    def save(self, invitation: Invitation) -> None:
        self._unit.write(SAVE_INVITATION, invitation_values(invitation), rows=1)


def asking_for_username(company_id: UUID, candidates: list[str]) -> tuple[tuple[Statement, dict[str, Any]], ...]:
    """What finds out, for `free_of`, which of the usernames are taken. Nobody else does until the transaction ends."""
    lock = (company_id.int ^ _USERNAMES) % 2**63
    return (_LOCK_USERNAMES, {"lock": lock}), (_TAKEN, {"candidates": [each.lower() for each in candidates]})


def free_of(candidates: list[str], taken: Iterable[Row]) -> str | None:
    """The first of the candidates that is not taken, in any case."""
    names = {name for (name,) in taken}
    return next((each for each in candidates if each.lower() not in names), None)


def user_of(row: Any) -> User:
    """A user from a row of the columns that a user is written with."""
    values = dict(zip(_KINDS, row, strict=True))
    return User(**{**values, "kind": UserKind(values["kind"]), "role": Role(values["role"])})


def added_values(user: User) -> dict[str, Any]:
    """The parameters of ADD_USER."""
    return {**{name: getattr(user, name) for name in _KINDS}, "kind": str(user.kind), "role": str(user.role)}


def saved_values(user: User) -> dict[str, Any]:
    """The parameters of SAVE_USER."""
    values = {f"new_{name}": getattr(user, name) for name in _CHANGED}
    return {**values, "new_role": str(user.role), "user_id": user.id}


def invitation_values(invitation: Invitation) -> dict[str, datetime | UUID | None]:
    """The parameters of SAVE_INVITATION."""
    return {
        "invitation_id": invitation.id,
        "new_user_id": invitation.user_id,
        "new_accepted_at": invitation.accepted_at,
        "new_revoked_at": invitation.revoked_at,
    }
