from typing import Generic
from uuid import UUID

from core.kernel.actor import Actor, reading
from core.kernel.errors import Forbidden, answers
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.kernel.paging import Answer, CursorInvalid, Page, PageRequest, Sort
from core.kernel.ports import Clock
from core.projects import policy
from core.projects.errors import (
    ColleagueInactive,
    ColleagueNotFound,
    MemberNotFound,
    ProjectArchived,
    ProjectNotFound,
)
from core.projects.model import Colleague, Project
from core.projects.ports import MemberReader, MemberWork, OnRemoved, OpenMemberUnitOfWork, ProjectRef
from core.projects.read_models import ColleagueView, MemberView

ADDED = "project_member"
"""What a request with a key made; if the user was a member already, it made FOUND."""
FOUND = "project_member_found"


class MemberUseCases(Generic[MemberWork]):
    """Who belongs to a project: finding, adding and removing its members.

    `on_removed` is what other features do when somebody no longer sees a project.
    """

    def __init__(
        self,
        *,
        unit_of_work: OpenMemberUnitOfWork[MemberWork],
        reader: MemberReader,
        clock: Clock,
        on_removed: OnRemoved[MemberWork],
    ) -> None:
        self._unit_of_work = unit_of_work
        self._reader = reader
        self._clock = clock
        self._on_removed = on_removed

    @reading
    @answers(ProjectNotFound, CursorInvalid)
    async def list(
        self, actor: Actor, ref: ProjectRef, *, search: str | None, sort: Sort, page: PageRequest
    ) -> Answer[Page[MemberView] | Page[ColleagueView]]:
        """The members of a project, for whoever sees it. E-mail addresses are shown to owners and admins alone."""
        found, seq = await self._reader.page(
            actor,
            ref,
            visible=policy.visible_projects(actor),
            addresses=policy.sees_addresses(actor),
            search=search,
            sort=sort,
            page=page,
        )
        if found is None:
            raise ProjectNotFound
        return Answer(found, seq)

    @reading
    @answers(ProjectNotFound, MemberNotFound)
    async def get(self, actor: Actor, ref: ProjectRef, user_id: UUID) -> Answer[MemberView | ColleagueView]:
        """One member of a project, for whoever sees it."""
        sought, seq = await self._reader.one(
            actor,
            ref,
            user_id,
            visible=policy.visible_projects(actor),
            addresses=policy.sees_addresses(actor),
        )
        if sought is None:
            raise ProjectNotFound
        if sought.member is None:
            raise MemberNotFound
        return Answer(sought.member, seq)

    @answers(ProjectNotFound, Forbidden, ColleagueNotFound, ProjectArchived, ColleagueInactive, KeyReused, InFlight)
    async def add(
        self, actor: Actor, ref: ProjectRef, user_id: UUID, *, once: Once | None = None
    ) -> tuple[Answer[MemberView], bool]:
        """Makes a user of the company a member of a project. Owners and admins may.

        Answers the member, and whether they were added: nothing changes for one who is a member already.
        """
        async with self._unit_of_work(actor, once=once) as uow:
            project, colleague = await self._load(uow, actor, ref, user_id)
            if colleague is None:
                raise ColleagueNotFound
            at = self._clock.now()
            added = project.admit(colleague, at=at)
            if added is not None:
                uow.members.add(project.id, user_id, at=at)
                uow.record(added)
            seq = await uow.commit(made=Made(kind=FOUND if added is None else ADDED, id=user_id, version=1))
        return Answer(MemberView.of(colleague, added_at=colleague.added_at or at), seq), added is not None

    @answers(ProjectNotFound, Forbidden, MemberNotFound)
    async def remove(self, actor: Actor, ref: ProjectRef, user_id: UUID) -> int:
        """Takes a member away from a project, archived or not. Owners and admins may.

        Whoever no longer sees the project loses its open tasks, which become unassigned. Owners and admins see it
        still, and keep theirs.
        """
        async with self._unit_of_work(actor) as uow:
            project, colleague = await self._load(uow, actor, ref, user_id)
            if colleague is None:
                raise MemberNotFound
            removed = project.dismiss(colleague)
            uow.members.remove(project.id, user_id)
            uow.record(removed)
            if not policy.sees_every_project(colleague.role):
                await self._on_removed(uow, removed, at=self._clock.now())
            return await uow.commit()

    async def _load(
        self, uow: MemberWork, actor: Actor, ref: ProjectRef, user_id: UUID
    ) -> tuple[Project, Colleague | None]:
        """The project, which the caller may give members, and the user. Which users there are, only those may ask."""
        loaded = await uow.members.load(ref, user_id, for_user=actor.user_id)
        if loaded is None or not policy.sees_project(uow.actor, is_member=loaded.is_member):
            raise ProjectNotFound
        policy.authorise_members(uow.actor)
        return loaded.project, loaded.colleague
