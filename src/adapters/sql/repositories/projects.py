"""Loading and saving projects."""

from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Date, DateTime, Integer, Text, Uuid, bindparam, exists, func, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.sql.connection import Database
from adapters.sql.readers.projects import named_project, ref_value
from adapters.sql.statement import Statement
from adapters.sql.tables.work import board_columns, project_keys, project_members, projects, tasks, users
from adapters.sql.unit_of_work import SqlUnitOfWork
from core.kernel.actor import Actor
from core.kernel.once import Once
from core.kernel.ports import Clock, Ids
from core.projects.model import Project, ProjectStatus
from core.projects.ports import LoadedProject, ProjectRef

FIRST_COLUMNS = (("To do", "todo"), ("In progress", "in_progress"), ("Done", "done"))

_creators = users.alias("creators")
_instant = DateTime(timezone=True)


@cache
def _load(by_key: bool) -> Statement:
    member = exists().where(
        project_members.c.project_id == projects.c.id,
        project_members.c.user_id == bindparam("for_user", type_=Uuid),
    )
    creator = select(_creators.c.name).where(_creators.c.id == projects.c.created_by).scalar_subquery()
    return Statement(
        select(
            projects.c.id,
            projects.c.key,
            projects.c.name,
            projects.c.description,
            projects.c.deadline,
            projects.c.status,
            projects.c.is_active,
            projects.c.created_by,
            projects.c.created_at,
            projects.c.updated_at,
            projects.c.version,
            member,
            creator,
        )
        .where(named_project(by_key))
        .with_for_update(of=projects)
    )


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
_SAVE = Statement(
    update(projects)
    .where(
        projects.c.id == bindparam("project_id", type_=Uuid),
        projects.c.version == bindparam("new_version", type_=Integer) - 1,
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


# Marked as deleted themselves, so that no list of tasks has to look whether their project still stands.
_DELETE_TASKS = Statement(
    update(tasks)
    .where(tasks.c.project_id == bindparam("project_id", type_=Uuid))
    .values(deleted_at=bindparam("at", type_=_instant))
)


class SqlProjects:
    """The projects of one unit of work's company."""

    def __init__(self, unit: SqlUnitOfWork, ids: Ids) -> None:
        self._unit = unit
        self._ids = ids

    async def load(self, ref: ProjectRef, *, for_user: UUID) -> LoadedProject | None:
        values = {"ref": ref_value(ref), "for_user": for_user}
        (rows,) = await self._unit.fetch((_load(not isinstance(ref, UUID)), values))
        if not rows:
            return None
        row = rows[0]
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
            version=row[10],
        )
        return LoadedProject(project, is_member=row[11], creator_name=row[12])

    async def free_key(self, candidates: list[str]) -> str | None:
        (rows,) = await self._unit.fetch((_TAKEN, {"candidates": candidates}))
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

    def add_key(self, project: Project) -> None:
        self._unit.write(_ADD_KEY, {"key": project.key, "project_id": project.id})

    def save(self, project: Project) -> None:
        values = {
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
        self._unit.write(_SAVE, values, rows=1)


_FIELDS = ("id", "key", "name", "description", "deadline", "is_active", "created_by", "version", "updated_at")


class SqlProjectUnitOfWork(SqlUnitOfWork):
    """A unit of work with projects."""

    def __init__(self, database: Database, clock: Clock, ids: Ids, actor: Actor, *, once: Once | None = None) -> None:
        super().__init__(database, clock, actor, once=once)
        self.projects = SqlProjects(self, ids)
