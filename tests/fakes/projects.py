from dataclasses import replace
from datetime import datetime
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.errors import Conflict
from core.kernel.once import Once
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.kernel.ports import Ids
from core.projects.errors import ProjectKeyTaken
from core.projects.model import Project
from core.projects.policy import Visible
from core.projects.ports import LoadedProject, ProjectFilter, ProjectRef
from core.projects.read_models import DeletedProjectView, ProgressView, ProjectView
from core.tasks.fields import Status
from tests.fakes.paging import Key, page_of
from tests.fakes.store import Store
from tests.fakes.tables import CompanyTables, StoredColumn
from tests.fakes.unit_of_work import InMemoryUnitOfWork

FIRST_COLUMNS = (("To do", Status.TODO), ("In progress", Status.IN_PROGRESS), ("Done", Status.DONE))
SORTS = {
    "name": Key(lambda project: project.name),
    "created_at": Key(lambda project: project.created_at, datetime.isoformat, datetime.fromisoformat),
    "updated_at": Key(lambda project: project.updated_at, datetime.isoformat, datetime.fromisoformat),
}


class InMemoryProjects:
    """The projects of one unit of work's company."""

    def __init__(self, unit: InMemoryUnitOfWork, ids: Ids) -> None:
        self._unit = unit
        self._ids = ids

    async def load(self, ref: ProjectRef, *, for_user: UUID) -> LoadedProject | None:
        return self._loaded(self._unit.now.project(ref), for_user)

    async def load_deleted(self, ref: ProjectRef, *, for_user: UUID) -> LoadedProject | None:
        return self._loaded(self._unit.now.project_or_deleted(ref), for_user)

    def _loaded(self, project: Project | None, for_user: UUID) -> LoadedProject | None:
        if project is None:
            return None
        tables = self._unit.now
        is_member = (project.id, for_user) in tables.members
        return LoadedProject(replace(project), is_member, tables.name_of(project.created_by))

    async def free_key(self, candidates: list[str]) -> str | None:
        taken = self._unit.now.project_keys
        return next((key for key in candidates if key not in taken), None)

    async def owner_of_key(self, key: str) -> UUID | None:
        return self._unit.now.project_keys.get(key)

    async def user_name(self, user_id: UUID) -> str:
        return self._unit.now.people[user_id].user.name

    async def members(self, project_id: UUID) -> tuple[UUID, ...]:
        return tuple(sorted(user for project, user in self._unit.now.members if project == project_id))

    def add(self, project: Project, *, member: UUID) -> None:
        new = replace(project)
        columns = [
            StoredColumn(id=self._ids.new(), project_id=new.id, name=name, category=category, position=position)
            for position, (name, category) in enumerate(FIRST_COLUMNS)
        ]

        def put(tables: CompanyTables) -> None:
            if new.key in tables.project_keys:
                raise ProjectKeyTaken
            tables.projects[new.id] = new
            tables.project_keys[new.key] = new.id
            tables.members |= {(new.id, member)}
            tables.columns.update({column.id: column for column in columns})

        self._unit.transaction.defer(self._unit.within(put))

    def delete(self, project: Project) -> None:
        at = project.deleted_at

        def take_tasks(tables: CompanyTables) -> None:
            for task in list(tables.tasks.values()):
                if task.project_id == project.id and task.deleted_at is None:
                    tables.tasks[task.id] = replace(task, deleted_at=at)

        self._unit.transaction.defer(self._unit.within(take_tasks))
        self.save(project)

    def restore(self, project: Project, *, deleted_at: datetime) -> None:
        restored = replace(project)

        def put(tables: CompanyTables) -> None:
            found = tables.projects.get(restored.id)
            if found is None or found.version != restored.version - 1:
                raise Conflict("the project changed meanwhile")
            tables.projects[restored.id] = restored
            for task in list(tables.tasks.values()):
                if (task.project_id, task.deleted_at) == (restored.id, deleted_at):
                    tables.tasks[task.id] = replace(task, deleted_at=None)

        self._unit.transaction.defer(self._unit.within(put))

    def add_key(self, project: Project) -> None:
        new = replace(project)

        def put(tables: CompanyTables) -> None:
            if new.key in tables.project_keys:
                raise ProjectKeyTaken
            tables.project_keys[new.key] = new.id

        self._unit.transaction.defer(self._unit.within(put))

    def save(self, project: Project) -> None:
        changed = replace(project)

        def put(tables: CompanyTables) -> None:
            found = tables.project(changed.id)
            if found is None or found.version != changed.version - 1:
                raise Conflict("the project changed meanwhile")
            tables.projects[changed.id] = changed

        self._unit.transaction.defer(self._unit.within(put))


class InMemoryProjectUnitOfWork(InMemoryUnitOfWork):
    """A unit of work with projects."""

    def __init__(self, store: Store, ids: Ids, actor: Actor, *, once: Once | None = None) -> None:
        super().__init__(store, actor, once=once)
        self.projects = InMemoryProjects(self, ids)


class InMemoryProjectReader:
    """What screens show of projects."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(
        self, actor: Actor, *, visible: Visible, where: ProjectFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[ProjectView]]:
        tables = self._store.read(actor)
        projects = [
            project
            for project in tables.projects.values()
            if project.deleted_at is None and _is_visible(tables, project, visible) and _fits(project, where)
        ]
        found = page_of(projects, page, key=SORTS[sort.field], sort=sort, id_of=lambda project: project.id)
        views = [_view(tables, project) for project in found.items]
        return Answer(Page(views, found.next_position, found.total), tables.last_seq)

    async def deleted(
        self, actor: Actor, *, visible: Visible, since: datetime, where: ProjectFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[DeletedProjectView]]:
        tables = self._store.read(actor)
        projects = [
            project
            for project in tables.projects.values()
            if project.deleted_at is not None
            and project.deleted_at > since
            and _is_visible(tables, project, visible)
            and _fits(project, where)
        ]
        found = page_of(projects, page, key=SORTS[sort.field], sort=sort, id_of=lambda project: project.id)
        views = [DeletedProjectView(*_view(tables, project), project.deleted_at) for project in found.items]
        return Answer(Page(views, found.next_position, found.total), tables.last_seq)

    async def one(self, actor: Actor, ref: ProjectRef, *, visible: Visible) -> Answer[ProjectView | None]:
        tables = self._store.read(actor)
        project = tables.project(ref)
        found = project is not None and _is_visible(tables, project, visible)
        return Answer(_view(tables, project) if project and found else None, tables.last_seq)

    async def progress(self, actor: Actor, ref: ProjectRef, *, visible: Visible) -> Answer[ProgressView | None]:
        tables = self._store.read(actor)
        project = tables.project(ref)
        if project is None or not _is_visible(tables, project, visible):
            return Answer(None, tables.last_seq)
        statuses = [
            task.status for task in tables.tasks.values() if task.project_id == project.id and not task.deleted_at
        ]
        counted = {status: statuses.count(status) for status in Status}
        view = ProgressView.of(
            todo=counted[Status.TODO], in_progress=counted[Status.IN_PROGRESS], done=counted[Status.DONE]
        )
        return Answer(view, tables.last_seq)


def _is_visible(tables: CompanyTables, project: Project, visible: Visible) -> bool:
    return visible.member_id is None or (project.id, visible.member_id) in tables.members


def _fits(project: Project, where: ProjectFilter) -> bool:
    texts = (project.name, project.key, project.description or "")
    return (
        (not where.status or project.status in where.status)
        and where.is_active in (None, project.is_active)
        and (where.query is None or any(where.query.lower() in text.lower() for text in texts))
    )


def _view(tables: CompanyTables, project: Project) -> ProjectView:
    return ProjectView.of(project, creator_name=tables.name_of(project.created_by))
