from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.once import Once
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.kernel.ports import UnitOfWork
from core.projects.events import ProjectMemberRemoved
from core.projects.model import Colleague, Project, ProjectStatus
from core.projects.policy import Visible
from core.projects.read_models import ColleagueView, DeletedProjectView, MemberView, ProgressView, ProjectView

ProjectRef = UUID | str
"""A project's id, or its key in any case."""


class LoadedProject(NamedTuple):
    """A project to change, locked until the transaction ends, and what policies ask about it."""

    project: Project
    is_member: bool
    creator_name: str | None


class Projects(Protocol):
    """The projects of the company that the unit of work was opened for."""

    async def load(self, ref: ProjectRef, *, for_user: UUID) -> LoadedProject | None: ...

    async def load_deleted(self, ref: ProjectRef, *, for_user: UUID) -> LoadedProject | None:
        """The same, be the project deleted or not."""
        ...

    async def free_key(self, candidates: list[str]) -> str | None:
        """The first of the candidates that no project has or had. Others wait for theirs until the transaction ends."""
        ...

    async def owner_of_key(self, key: str) -> UUID | None:
        """The project that has or had a key."""
        ...

    async def user_name(self, user_id: UUID) -> str: ...

    async def members(self, project_id: UUID) -> tuple[UUID, ...]: ...

    def add(self, project: Project, *, member: UUID) -> None:
        """A new project with its key, its board's first three columns, and its creator as first member."""
        ...

    def save(self, project: Project) -> None: ...

    def delete(self, project: Project) -> None:
        """Writes a project that was deleted, and takes its tasks out of sight with it."""
        ...

    def restore(self, project: Project, *, deleted_at: datetime) -> None:
        """Writes a project that was restored, and brings back the tasks that were deleted with it, at `deleted_at`."""
        ...

    def add_key(self, project: Project) -> None:
        """Makes the project's present key resolve, for ever."""
        ...


class ProjectUnitOfWork(UnitOfWork, Protocol):
    @property
    def projects(self) -> Projects: ...


class OpenProjectUnitOfWork(Protocol):
    def __call__(self, actor: Actor, *, once: Once | None = None) -> ProjectUnitOfWork: ...


class LoadedMembership(NamedTuple):
    """A project, locked until the transaction ends, and a user of its company, if there is such a one."""

    project: Project
    is_member: bool
    colleague: Colleague | None


class Members(Protocol):
    """Who belongs to the projects of the company that the unit of work was opened for."""

    async def load(self, ref: ProjectRef, user_id: UUID, *, for_user: UUID) -> LoadedMembership | None:
        """`is_member` is about `for_user`, who asks; None if there is no such project."""
        ...

    def add(self, project_id: UUID, user_id: UUID, *, at: datetime) -> None: ...

    def remove(self, project_id: UUID, user_id: UUID) -> None: ...


class MemberUnitOfWork(UnitOfWork, Protocol):
    @property
    def members(self) -> Members: ...


MemberWork = TypeVar("MemberWork", bound=MemberUnitOfWork)
MemberWork_co = TypeVar("MemberWork_co", bound=MemberUnitOfWork, covariant=True)
MemberWork_contra = TypeVar("MemberWork_contra", bound=MemberUnitOfWork, contravariant=True)


class OpenMemberUnitOfWork(Protocol[MemberWork_co]):
    def __call__(self, actor: Actor, *, once: Once | None = None) -> MemberWork_co: ...


class OnRemoved(Protocol[MemberWork_contra]):
    """What other features do, in the same transaction, when somebody no longer sees a project."""

    async def __call__(self, uow: MemberWork_contra, removed: ProjectMemberRemoved, *, at: datetime) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFilter:
    """Which projects: any of `status`; archived ones or not, or both where `is_active` is None; with `query` in the
    name, key or description, in any case. `deleted`: those that were deleted, instead of those that stand.
    """

    status: tuple[ProjectStatus, ...] = ()
    is_active: bool | None = True
    query: str | None = None
    deleted: bool = False


class ProjectReader(Protocol):
    """What screens show of projects. Each call is one round trip, and one snapshot."""

    async def page(
        self, actor: Actor, *, visible: Visible, where: ProjectFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[ProjectView]]: ...

    async def one(self, actor: Actor, ref: ProjectRef, *, visible: Visible) -> Answer[ProjectView | None]: ...

    async def progress(self, actor: Actor, ref: ProjectRef, *, visible: Visible) -> Answer[ProgressView | None]: ...

    async def deleted(
        self, actor: Actor, *, visible: Visible, since: datetime, where: ProjectFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[DeletedProjectView]]:
        """The projects that were deleted after `since`."""
        ...


class Sought(NamedTuple):
    """Somebody looked for among a project's members; None if they are no member."""

    member: MemberView | ColleagueView | None


class MemberReader(Protocol):
    """What screens show of a project's members. Each call is one round trip, and one snapshot."""

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
        """The members with `search` in their name or username, in any case; with `addresses`, also in their e-mail,
        which is shown then. None if the project is not visible.
        """
        ...

    async def one(
        self, actor: Actor, ref: ProjectRef, user_id: UUID, *, visible: Visible, addresses: bool
    ) -> Answer[Sought | None]:
        """None if the project is not visible."""
        ...
