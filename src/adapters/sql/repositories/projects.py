"""Loading and saving projects."""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Integer,
    Text,
    Update,
    Uuid,
    bindparam,
    cast,
    exists,
    func,
    insert,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.connection import Database
from adapters.sql.pipeline import Row
from adapters.sql.readers.projects import named_project, ref_value
from adapters.sql.statement import Statement
from adapters.sql.tables.people import users
from adapters.sql.tables.work import board_columns, project_keys, project_members, projects, tasks
from adapters.sql.tenancy import TenantTable, including_deleted
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.kernel.actor import Actor
from core.kernel.once import Once
from core.kernel.ports import Clock, Ids
from core.projects.model import Project, ProjectStatus
from core.projects.ports import LoadedProject, ProjectRef

FIRST_COLUMNS = (("To do", "todo"), ("In progress", "in_progress"), ("Done", "done"))

_creators = users.alias("creators")
_instant = DateTime(timezone=True)
_all_projects = including_deleted(projects)
_all_tasks = including_deleted(tasks)


@cache
def load_statement(by_key: bool, deleted: bool = False) -> Statement:
    """Finds and locks the project that `:ref` names, and says whether `:for_user` belongs to it; `deleted`: be it
    deleted or not.
    """
    found = _all_projects if deleted else projects
    member = exists().where(
        project_members.c.project_id == found.c.id,
        project_members.c.user_id == bindparam("for_user", type_=Uuid),
    )
    creator = select(_creators.c.name).where(_creators.c.id == found.c.created_by).scalar_subquery()
    return Statement(
        select(
            found.c.id,
            found.c.key,
            found.c.name,
            found.c.description,
            found.c.deadline,
            found.c.status,
            found.c.is_active,
            found.c.created_by,
            found.c.created_at,
            found.c.updated_at,
            found.c.deleted_at,
            found.c.version,
            member,
            creator,
        )
        .where(named_project(by_key, found))
        .with_for_update(of=found)
    )


def loaded_project(row: Row) -> LoadedProject:
    """A row of `load_statement`."""
    project = Project(
        id=row[0],
        key=row[1],
        name=row[2],
        description=row[3],
        deadline=row[4],
        status=ProjectStatus(row[5]),
        is_active=row[6],
        created_by=row[7],
        created_at=row[8],
        updated_at=row[9],
        deleted_at=row[10],
        version=row[11],
    )
    return LoadedProject(project, is_member=row[12], creator_name=row[13])


# Whoever looks for a free key waits for those who are taking one: however many open projects of one name at once, each
# finds another key, and nobody has to try again.
_LOCK_KEYS = Statement(select(cast(func.pg_advisory_xact_lock(bindparam("lock", type_=BigInteger)), Text)))
_KEYS = 0x70726F6A65637473
_TAKEN = Statement(
    select(project_keys.c.key).where(project_keys.c.key == func.any(bindparam("candidates", type_=ARRAY(Text))))
)
_OWNER_OF_KEY = Statement(select(project_keys.c.project_id).where(project_keys.c.key == bindparam("key", type_=Text)))
_USER_NAME = Statement(select(users.c.name).where(users.c.id == bindparam("user_id", type_=Uuid)))
_MEMBERS = Statement(
    select(project_members.c.user_id)
    .where(project_members.c.project_id == bindparam("project_id", type_=Uuid))
    .order_by(project_members.c.user_id)
)
_ADD = Statement(
    insert(projects).values(
        id=bindparam("id", type_=Uuid),
        key=bindparam("key", type_=Text),
        name=bindparam("name", type_=Text),
        description=bindparam("description", type_=Text),
        deadline=bindparam("deadline", type_=Date),
        status=bindparam("status", type_=Text),
        is_active=bindparam("is_active", type_=Boolean),
        created_by=bindparam("created_by", type_=Uuid),
        version=bindparam("version", type_=Integer),
        created_at=bindparam("created_at", type_=_instant),
        updated_at=bindparam("updated_at", type_=_instant),
    )
)
_ADD_KEY = Statement(
    insert(project_keys).values(key=bindparam("key", type_=Text), project_id=bindparam("project_id", type_=Uuid))
)
_ADD_MEMBER = Statement(
    insert(project_members).values(
        project_id=bindparam("project_id", type_=Uuid),
        user_id=bindparam("user_id", type_=Uuid),
        added_at=bindparam("added_at", type_=_instant),
    )
)
_columns = (
    func.unnest(
        bindparam("ids", type_=ARRAY(Uuid)),
        bindparam("names", type_=ARRAY(Text)),
        bindparam("categories", type_=ARRAY(Text)),
        bindparam("positions", type_=ARRAY(Integer)),
    )
    .table_valued("id", "name", "category", "position", name="given")
    .render_derived()
)
_ADD_COLUMNS = Statement(
    insert(board_columns).from_select(
        ["id", "project_id", "name", "category", "position", "version", "created_at", "updated_at"],
        select(
            _columns.c.id,
            bindparam("project_id", type_=Uuid),
            _columns.c.name,
            _columns.c.category,
            _columns.c.position,
            bindparam("version", type_=Integer),
            bindparam("at", type_=_instant),
            bindparam("at", type_=_instant),
        ),
    )
)


def _save(saved: TenantTable) -> Update:
    return (
        update(saved)
        .where(
            saved.c.id == bindparam("project_id", type_=Uuid),
            saved.c.version == bindparam("new_version", type_=Integer) - 1,
        )
        .values(
            key=bindparam("key", type_=Text),
            name=bindparam("name", type_=Text),
            description=bindparam("description", type_=Text),
            deadline=bindparam("deadline", type_=Date),
            status=bindparam("status", type_=Text),
            is_active=bindparam("is_active", type_=Boolean),
            version=bindparam("new_version", type_=Integer),
            updated_at=bindparam("updated_at", type_=_instant),
            deleted_at=bindparam("deleted_at", type_=_instant),
        )
    )


_SAVE = Statement(_save(projects))
_SAVE_RESTORED = Statement(_save(_all_projects))

# Marked as deleted themselves, so that no list of tasks has to look whether their project still stands.
_DELETE_TASKS = Statement(
    update(tasks)
    .where(tasks.c.project_id == bindparam("project_id", type_=Uuid))
    .values(deleted_at=bindparam("at", type_=_instant))
)
# Those that went with the project alone: what had been deleted before says another instant.
_RESTORE_TASKS = Statement(
    update(_all_tasks)
    .where(
        _all_tasks.c.project_id == bindparam("project_id", type_=Uuid),
        _all_tasks.c.deleted_at == bindparam("deleted_at", type_=_instant),
    )
    .values(deleted_at=null())
)


class SqlProjects:
    """The projects of one unit of work's company."""

    def __init__(self, unit: SqlUnitOfWork, ids: Ids) -> None:
        self._unit = unit
        self._ids = ids

    async def load(self, ref: ProjectRef, *, for_user: UUID) -> LoadedProject | None:
        return await self._load(load_statement(not isinstance(ref, UUID)), ref, for_user)

    async def load_deleted(self, ref: ProjectRef, *, for_user: UUID) -> LoadedProject | None:
        return await self._load(load_statement(not isinstance(ref, UUID), deleted=True), ref, for_user)

    async def _load(self, statement: Statement, ref: ProjectRef, for_user: UUID) -> LoadedProject | None:
        (rows,) = await self._unit.fetch((statement, {"ref": ref_value(ref), "for_user": for_user}))
        return loaded_project(rows[0]) if rows else None

    async def free_key(self, candidates: list[str]) -> str | None:
        lock = (self._unit.actor.company_id.int ^ _KEYS) % 2**63
        _, rows = await self._unit.fetch((_LOCK_KEYS, {"lock": lock}), (_TAKEN, {"candidates": candidates}))
        taken = {key for (key,) in rows}
        return next((key for key in candidates if key not in taken), None)

    async def owner_of_key(self, key: str) -> UUID | None:
        (rows,) = await self._unit.fetch((_OWNER_OF_KEY, {"key": key}))
        return rows[0][0] if rows else None

    async def user_name(self, user_id: UUID) -> str:
        (rows,) = await self._unit.fetch((_USER_NAME, {"user_id": user_id}))
        return str(rows[0][0])

    async def members(self, project_id: UUID) -> tuple[UUID, ...]:
        (rows,) = await self._unit.fetch((_MEMBERS, {"project_id": project_id}))
        return tuple(user_id for (user_id,) in rows)

    def add(self, project: Project, *, member: UUID) -> None:
        at = project.created_at
        fields: dict[str, Any] = {name: getattr(project, name) for name in _FIELDS}
        self._unit.write(_ADD, {**fields, "status": str(project.status), "created_at": at})
        self.add_key(project)
        self._unit.write(_ADD_MEMBER, {"project_id": project.id, "user_id": member, "added_at": at})
        columns = {
            "ids": [self._ids.new() for _ in FIRST_COLUMNS],
            "names": [name for name, _ in FIRST_COLUMNS],
            "categories": [category for _, category in FIRST_COLUMNS],
            "positions": list(range(len(FIRST_COLUMNS))),
            "project_id": project.id,
            "version": 1,
            "at": at,
        }
        self._unit.write(_ADD_COLUMNS, columns)

    def delete(self, project: Project) -> None:
        self._unit.write(_DELETE_TASKS, {"project_id": project.id, "at": project.deleted_at})
        self.save(project)

    def restore(self, project: Project, *, deleted_at: datetime) -> None:
        self._unit.write(_SAVE_RESTORED, _saved(project), rows=1)
        self._unit.write(_RESTORE_TASKS, {"project_id": project.id, "deleted_at": deleted_at})

    def add_key(self, project: Project) -> None:
        self._unit.write(_ADD_KEY, {"key": project.key, "project_id": project.id})

    def save(self, project: Project) -> None:
        self._unit.write(_SAVE, _saved(project), rows=1)


def _saved(project: Project) -> dict[str, Any]:
    return {
        "project_id": project.id,
        "key": project.key,
        "name": project.name,
        "description": project.description,
        "deadline": project.deadline,
        "status": str(project.status),
        "is_active": project.is_active,
        "new_version": project.version,
        "updated_at": project.updated_at,
        "deleted_at": project.deleted_at,
    }


_FIELDS = ("id", "key", "name", "description", "deadline", "is_active", "created_by", "version", "updated_at")


class SqlProjectUnitOfWork(SqlUnitOfWork):
    """A unit of work with projects."""

    def __init__(self, database: Database, clock: Clock, ids: Ids, actor: Actor, *, once: Once | None = None) -> None:
        super().__init__(database, clock, actor, once=once)
        self.projects = SqlProjects(self, ids)
