from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.errors import Conflict
from core.kernel.once import Once
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.projects.model import Colleague, Project
from core.projects.policy import Visible
from core.projects.ports import LoadedMembership, ProjectRef, Sought
from core.projects.read_models import ColleagueView, MemberView
from core.tasks.fields import Status
from core.tasks.ports import Released
from tests.fakes.paging import Key, page_of
from tests.fakes.store import Store
from tests.fakes.tables import CompanyTables
from tests.fakes.unit_of_work import InMemoryUnitOfWork

SORTS = {
    "name": Key(lambda view: view.name),
    "added_at": Key(lambda view: view.added_at, datetime.isoformat, datetime.fromisoformat),
}


class InMemoryMembers:
    """Who belongs to the projects of one unit of work's company."""

    def __init__(self, unit: InMemoryUnitOfWork) -> None:
        self._unit = unit

    async def load(self, ref: ProjectRef, user_id: UUID, *, for_user: UUID) -> LoadedMembership | None:
        tables = self._unit.now
        project = tables.project(ref)
        if project is None:
            return None
        is_member = (project.id, for_user) in tables.members
        colleague = _colleague(tables, user_id, project) if user_id in tables.people else None
        return LoadedMembership(replace(project), is_member, colleague)

    def add(self, project_id: UUID, user_id: UUID, *, at: datetime) -> None:
        def put(tables: CompanyTables) -> None:
            if (project_id, user_id) in tables.members:
                raise Conflict("the user became a member meanwhile")
            tables.members |= {(project_id, user_id)}
            tables.added_at[project_id, user_id] = at

        self._unit.transaction.defer(self._unit.within(put))

    def remove(self, project_id: UUID, user_id: UUID) -> None:
        def take(tables: CompanyTables) -> None:
            if (project_id, user_id) not in tables.members:
                raise Conflict("the user is no member any more")
            tables.members -= {(project_id, user_id)}
            tables.added_at.pop((project_id, user_id), None)

        self._unit.transaction.defer(self._unit.within(take))


class InMemoryAssignments:
    """Who is to do which tasks of one unit of work's company."""

    def __init__(self, unit: InMemoryUnitOfWork) -> None:
        self._unit = unit

    async def release(self, user_id: UUID, *, project_id: UUID, at: datetime) -> list[Released]:
        open_tasks = [
            task
            for task in self._unit.now.tasks.values()
            if (task.project_id, task.assigned_to) == (project_id, user_id)
            and task.deleted_at is None
            and task.status is not Status.DONE
        ]
        released = [
            replace(task, assigned_to=None, version=task.version + 1, updated_at=at)
            for task in sorted(open_tasks, key=lambda task: task.number)
        ]

        def put(tables: CompanyTables) -> None:
            for task in released:
                tables.put_task(task)

        self._unit.transaction.do(self._unit.within(put))
        return [Released(task.id, task.version) for task in released]


class InMemoryMemberUnitOfWork(InMemoryUnitOfWork):
    """A unit of work with the members of projects, and the tasks that they are to do."""

    def __init__(self, store: Store, actor: Actor, *, once: Once | None = None) -> None:
        super().__init__(store, actor, once=once)
        self.members = InMemoryMembers(self)
        self.assignments = InMemoryAssignments(self)


class InMemoryMemberReader:
    """What screens show of a project's members."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(
        self,
        actor: Actor,
        ref: ProjectRef,
        *,
        visible: Visible,
        addresses: bool,
        search: str | None,
        sort: Sort,
        page: PageRequest,
    ) -> Answer[Page[MemberView] | Page[ColleagueView] | None]:
        tables = self._store.read(actor)
        project = _visible(tables, ref, visible)
        if project is None:
            return Answer(None, tables.last_seq)
        views = [_view(tables, user, project, addresses) for at, user in tables.members if at == project.id]
        fitting = [view for view in views if search is None or _holds(view, search)]
        found = page_of(fitting, page, key=SORTS[sort.field], sort=sort, id_of=lambda view: view.user_id)
        return Answer(found, tables.last_seq)

    async def one(
        self, actor: Actor, ref: ProjectRef, user_id: UUID, *, visible: Visible, addresses: bool
    ) -> Answer[Sought | None]:
        tables = self._store.read(actor)
        project = _visible(tables, ref, visible)
        if project is None:
            return Answer(None, tables.last_seq)
        belongs = (project.id, user_id) in tables.members
        return Answer(Sought(_view(tables, user_id, project, addresses) if belongs else None), tables.last_seq)


def _visible(tables: CompanyTables, ref: ProjectRef, visible: Visible) -> Project | None:
    project = tables.project(ref)
    if project is None or visible.member_id is None or (project.id, visible.member_id) in tables.members:
        return project
    return None


def _colleague(tables: CompanyTables, user_id: UUID, project: Project) -> Colleague:
    user = tables.people[user_id].user
    return Colleague(
        user_id=user.id,
        name=user.name,
        username=user.username,
        email=user.email,
        role=user.role,
        is_active=user.is_active,
        added_at=tables.member_since(project.id, user_id),
    )


def _view(tables: CompanyTables, user_id: UUID, project: Project, addresses: bool) -> Any:
    colleague = _colleague(tables, user_id, project)
    assert colleague.added_at is not None
    view = MemberView.of(colleague, added_at=colleague.added_at)
    return view if addresses else ColleagueView(*view[:-1])


def _holds(view: MemberView | ColleagueView, search: str) -> bool:
    texts = (view.name, view.username, view.email or "" if isinstance(view, MemberView) else "")
    return any(search.lower() in text.lower() for text in texts)
