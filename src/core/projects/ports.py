from dataclasses import dataclass
from typing import NamedTuple, Protocol
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.once import Once
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.kernel.ports import UnitOfWork
from core.projects.model import Project, ProjectStatus
from core.projects.policy import Visible
from core.projects.read_models import ProgressView, ProjectView

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

    async def free_key(self, candidates: list[str]) -> str | None:
        """The first of the candidates that no project has or had."""
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

    def add_key(self, project: Project) -> None:
        """Makes the project's present key resolve, for ever."""
        ...


class ProjectUnitOfWork(UnitOfWork, Protocol):
    @property
    def projects(self) -> Projects: ...


class OpenProjectUnitOfWork(Protocol):
    def __call__(self, actor: Actor, *, once: Once | None = None) -> ProjectUnitOfWork: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFilter:
    """Which projects: any of `status`; archived ones or not, or both where `is_active` is None."""

    status: tuple[ProjectStatus, ...] = ()
    is_active: bool | None = True


class ProjectReader(Protocol):
    """What screens show of projects. Each call is one round trip, and one snapshot."""

    async def page(
        self, actor: Actor, *, visible: Visible, where: ProjectFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[ProjectView]]: ...

    async def one(self, actor: Actor, ref: ProjectRef, *, visible: Visible) -> Answer[ProjectView | None]: ...

    async def progress(self, actor: Actor, ref: ProjectRef, *, visible: Visible) -> Answer[ProgressView | None]: ...
