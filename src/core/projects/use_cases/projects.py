from datetime import date
from itertools import islice

from core.kernel import text
from core.kernel.actor import Actor, reading
from core.kernel.errors import FieldReadOnly, Forbidden, Invalid, Stale, answers
from core.kernel.etags import ensure_current, ensure_unchanged
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.kernel.paging import Answer, CursorInvalid, Page, PageRequest, Sort
from core.kernel.ports import Clock, Ids
from core.projects import policy
from core.projects.errors import ProjectArchived, ProjectKeyTaken, ProjectNotDeleted, ProjectNotFound
from core.projects.model import RESTORABLE, Project, ProjectChanges, ProjectStatus, checked_key, keys_from
from core.projects.ports import (
    LoadedProject,
    OpenProjectUnitOfWork,
    ProjectFilter,
    ProjectReader,
    ProjectRef,
    ProjectUnitOfWork,
)
from core.projects.read_models import DeletedProjectView, ProgressView, ProjectView


class ProjectUseCases:
    """Opening, finding, changing, deleting and restoring projects."""

    def __init__(self, *, unit_of_work: OpenProjectUnitOfWork, reader: ProjectReader, clock: Clock, ids: Ids) -> None:
        self._unit_of_work = unit_of_work
        self._reader = reader
        self._clock = clock
        self._ids = ids

    @answers(Forbidden, Invalid, ProjectKeyTaken, KeyReused, InFlight)
    async def open(
        self,
        actor: Actor,
        *,
        name: str,
        key: str | None = None,
        description: str | None = None,
        deadline: date | None = None,
        status: ProjectStatus = ProjectStatus.PENDING,
        once: Once | None = None,
    ) -> Answer[ProjectView]:
        """Opens a project with a board of three columns: To do, In progress, Done.

        Owners and admins may. The creator is its first member. Without a `key`, one is made from the name.
        """
        name = text.name(name)
        if description is not None:
            description = text.description(description)
        if key is not None:
            key = checked_key(key)
        for last in (False, False, False, True):
            try:
                return await self._open(actor, name, key, description, deadline, status, once)
            except ProjectKeyTaken:
                # A key that nobody asked for was taken at the same moment: another will do.
                if key is not None or last:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    @reading
    @answers(CursorInvalid, Forbidden)
    async def list(
        self, actor: Actor, *, where: ProjectFilter, sort: Sort, page: PageRequest
    ) -> Answer[Page[ProjectView]] | Answer[Page[DeletedProjectView]]:
        """The projects that the caller sees: all for owners and admins, their own for members.

        Owners and admins also see those that were deleted within the last 30 days, and since when they are.
        """
        visible = policy.visible_projects(actor)
        if not where.deleted:
            return await self._reader.page(actor, visible=visible, where=where, sort=sort, page=page)
        since = self._clock.now() - RESTORABLE
        deleted = await self._reader.deleted(actor, visible=visible, since=since, where=where, sort=sort, page=page)
        # Not before: only now is the caller's role more than what the token hints at.
        policy.authorise_restore(actor)
        return deleted

    @reading
    @answers(ProjectNotFound)
    async def get(self, actor: Actor, ref: ProjectRef) -> Answer[ProjectView]:
        """One project, by id or key."""
        view, seq = await self._reader.one(actor, ref, visible=policy.visible_projects(actor))
        if view is None:
            raise ProjectNotFound
        return Answer(view, seq)

    @reading
    @answers(ProjectNotFound)
    async def progress(self, actor: Actor, ref: ProjectRef) -> Answer[ProgressView]:
        """How many of the project's tasks are to do, in progress and done, and the share of the done ones."""
        view, seq = await self._reader.progress(actor, ref, visible=policy.visible_projects(actor))
        if view is None:
            raise ProjectNotFound
        return Answer(view, seq)

    @answers(ProjectNotFound, Forbidden, FieldReadOnly, Invalid, ProjectArchived, ProjectKeyTaken, Stale)
    async def change(
        self, actor: Actor, ref: ProjectRef, changes: ProjectChanges, *, expected: int | None = None
    ) -> Answer[ProjectView]:
        """Changes fields of a project. Its members may; only owners and admins change its key, or archive it.

        A key that the project had goes on resolving, and no other project ever gets it.
        """
        async with self._unit_of_work(actor) as uow:
            project, _, creator_name = await self._load(uow, ref)
            policy.authorise_change(uow.actor, fields=project.differing(changes))
            present = ProjectView.of(project, creator_name=creator_name)
            ensure_current(expected, present)
            ensure_unchanged(changes.unchanged, present)
            updated = project.change(changes, at=self._clock.now())
            if updated is not None:
                if "key" in updated.changes:
                    await self._take_key(uow, project)
                uow.projects.save(project)
                uow.record(updated)
            seq = await uow.commit()
        return Answer(ProjectView.of(project, creator_name=creator_name), seq)

    @answers(ProjectNotFound, Forbidden, Stale)
    async def delete(self, actor: Actor, ref: ProjectRef, *, expected: int | None = None) -> int:
        """Deletes a project with its board and tasks. Owners and admins may; it can be restored for 30 days."""
        async with self._unit_of_work(actor) as uow:
            project, _, creator_name = await self._load(uow, ref)
            policy.authorise_delete(uow.actor)
            ensure_current(expected, ProjectView.of(project, creator_name=creator_name))
            deleted = project.delete(members=await uow.projects.members(project.id), at=self._clock.now())
            uow.projects.delete(project)
            uow.record(deleted)
            return await uow.commit()

    @answers(ProjectNotFound, Forbidden, Stale, ProjectNotDeleted, KeyReused, InFlight)
    async def restore(
        self, actor: Actor, ref: ProjectRef, *, expected: int | None = None, once: Once | None = None
    ) -> Answer[ProjectView]:
        """Brings a deleted project back, with its board, its members and the tasks that were deleted with it.

        Owners and admins may, for 30 days. Tasks that had been deleted before stay deleted.
        """
        async with self._unit_of_work(actor, once=once) as uow:
            loaded, at = await uow.projects.load_deleted(ref, for_user=actor.user_id), self._clock.now()
            if loaded is None or not policy.finds_to_restore(
                uow.actor, loaded.project, is_member=loaded.is_member, at=at
            ):
                raise ProjectNotFound
            project, _, creator_name = loaded
            policy.authorise_restore(uow.actor)
            ensure_current(expected, ProjectView.of(project, creator_name=creator_name))
            deleted_at, restored = project.restore(at=at)
            uow.projects.restore(project, deleted_at=deleted_at)
            uow.record(restored)
            seq = await uow.commit(made=Made(kind="project", id=project.id, version=project.version))
        return Answer(ProjectView.of(project, creator_name=creator_name), seq)

    async def _open(
        self,
        actor: Actor,
        name: str,
        key: str | None,
        description: str | None,
        deadline: date | None,
        status: ProjectStatus,
        once: Once | None,
    ) -> Answer[ProjectView]:
        wanted = iter([key]) if key is not None else keys_from(name)
        async with self._unit_of_work(actor, once=once) as uow:
            policy.authorise_open(uow.actor)
            free, most = None, 100
            while free is None:
                candidates = list(islice(wanted, most))
                if not candidates:
                    raise ProjectKeyTaken
                free, most = await uow.projects.free_key(candidates), most * 10
            project, created = Project.open(
                id=self._ids.new(),
                key=free,
                name=name,
                description=description,
                deadline=deadline,
                status=status,
                created_by=actor.user_id,
                at=self._clock.now(),
            )
            creator_name = await uow.projects.user_name(actor.user_id)
            uow.projects.add(project, member=actor.user_id)
            uow.record(created)
            seq = await uow.commit(made=Made(kind="project", id=project.id, version=project.version))
        return Answer(ProjectView.of(project, creator_name=creator_name), seq)

    async def _take_key(self, uow: ProjectUnitOfWork, project: Project) -> None:
        holder = await uow.projects.owner_of_key(project.key)
        if holder is None:
            uow.projects.add_key(project)
        elif holder != project.id:
            raise ProjectKeyTaken

    async def _load(self, uow: ProjectUnitOfWork, ref: ProjectRef) -> LoadedProject:
        loaded = await uow.projects.load(ref, for_user=uow.actor.user_id)
        if loaded is None or not policy.sees_project(uow.actor, is_member=loaded.is_member):
            raise ProjectNotFound
        return loaded
