"""Adding and removing members of projects."""

from datetime import datetime
from functools import cache
from uuid import UUID

from sqlalchemy import DateTime, Uuid, and_, bindparam, delete, insert, select

from adapters.sql.connection import Database
from adapters.sql.readers.projects import named_project, ref_value
from adapters.sql.repositories.assignments import SqlAssignments
from adapters.sql.repositories.projects import load_statement, loaded_project
from adapters.sql.statement import Statement
from adapters.sql.tables.people import users
from adapters.sql.tables.work import project_members, projects
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.kernel.actor import Actor, Role
from core.kernel.once import Once
from core.kernel.ports import Clock
from core.projects.model import Colleague
from core.projects.ports import LoadedMembership, ProjectRef


@cache
def _colleague(by_key: bool) -> Statement:
    project = select(projects.c.id).where(named_project(by_key)).scalar_subquery()
    membership = and_(project_members.c.user_id == users.c.id, project_members.c.project_id == project)
    return Statement(
        select(
            users.c.id,
            users.c.name,
            users.c.username,
            users.c.email,
            users.c.role,
            users.c.is_active,
            project_members.c.added_at,
        )
        .select_from(users.outerjoin(project_members, membership))
        .where(users.c.id == bindparam("user_id", type_=Uuid))
    )


_ADD = Statement(
    insert(project_members).values(
        project_id=bindparam("project_id", type_=Uuid),
        user_id=bindparam("user_id", type_=Uuid),
        added_at=bindparam("added_at", type_=DateTime(timezone=True)),
    )
)
_REMOVE = Statement(
    delete(project_members).where(
        project_members.c.project_id == bindparam("project_id", type_=Uuid),
        project_members.c.user_id == bindparam("user_id", type_=Uuid),
    )
)


class SqlMembers:
    """Who belongs to the projects of one unit of work's company."""

    def __init__(self, unit: SqlUnitOfWork) -> None:
        self._unit = unit

    async def load(self, ref: ProjectRef, user_id: UUID, *, for_user: UUID) -> LoadedMembership | None:
        by_key, values = not isinstance(ref, UUID), {"ref": ref_value(ref)}
        # The project first: its lock makes what follows the membership as nobody else can change it.
        loaded, colleagues = await self._unit.fetch(
            (load_statement(by_key), {**values, "for_user": for_user}),
            (_colleague(by_key), {**values, "user_id": user_id}),
        )
        if not loaded:
            return None
        project, is_member, _ = loaded_project(loaded[0])
        colleague = None
        if colleagues:
            found, name, username, email, role, is_active, added_at = colleagues[0]
            colleague = Colleague(
                user_id=found,
                name=name,
                username=username,
                email=email,
                role=Role(role),
                is_active=is_active,
                added_at=added_at,
            )
        return LoadedMembership(project, is_member, colleague)

    def add(self, project_id: UUID, user_id: UUID, *, at: datetime) -> None:
        self._unit.write(_ADD, {"project_id": project_id, "user_id": user_id, "added_at": at})

    def remove(self, project_id: UUID, user_id: UUID) -> None:
        self._unit.write(_REMOVE, {"project_id": project_id, "user_id": user_id}, rows=1)


class SqlMemberUnitOfWork(SqlUnitOfWork):
    """A unit of work with the members of projects, and the tasks that they are to do."""

    def __init__(
        self, database: Database, clock: Clock, actor: Actor, *, once: Once | None = None, lazy: bool = False
    ) -> None:
        super().__init__(database, clock, actor, once=once, lazy=lazy)
        self.members = SqlMembers(self)
        self.assignments = SqlAssignments(self)
