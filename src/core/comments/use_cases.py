from uuid import UUID

from core.comments import policy
from core.comments.errors import AnswerToAnswer, CommentNotFound, CommentWasDeleted, TooManyMentions
from core.comments.model import Comment, CommentChanges, Mention, checked_body, names_in
from core.comments.ports import CommentReader, CommentUnitOfWork, LoadedComment, OpenCommentUnitOfWork
from core.comments.read_models import CommentView
from core.kernel.actor import Actor, reading
from core.kernel.errors import FieldReadOnly, Forbidden, Invalid, ReferenceNotFound, Stale, answers
from core.kernel.etags import ensure_current, ensure_unchanged
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.kernel.paging import Answer, CursorInvalid, Page, PageRequest, Sort
from core.kernel.ports import Clock, Ids
from core.projects.errors import ProjectArchived
from core.tasks.errors import TaskNotFound
from core.tasks.policy import visible_tasks
from core.tasks.ports import TaskRef


class CommentUseCases:
    """Saying something about a task, reading, changing and taking it back."""

    def __init__(self, *, unit_of_work: OpenCommentUnitOfWork, reader: CommentReader, clock: Clock, ids: Ids) -> None:
        self._unit_of_work = unit_of_work
        self._reader = reader
        self._clock = clock
        self._ids = ids

    @reading
    @answers(TaskNotFound, CursorInvalid)
    async def list(self, actor: Actor, ref: TaskRef, *, sort: Sort, page: PageRequest) -> Answer[Page[CommentView]]:
        """The comments on a task, answers among them, for whoever sees it."""
        found, seq = await self._reader.page(actor, ref, visible=visible_tasks(actor), sort=sort, page=page)
        if found is None:
            raise TaskNotFound
        return Answer(found, seq)

    @answers(
        TaskNotFound,
        ReferenceNotFound,
        AnswerToAnswer,
        CommentWasDeleted,
        TooManyMentions,
        ProjectArchived,
        Invalid,
        KeyReused,
        InFlight,
    )
    async def create(
        self, actor: Actor, ref: TaskRef, *, body: str, parent_id: UUID | None = None, once: Once | None = None
    ) -> Answer[CommentView]:
        """Comments on a task, or answers a comment on it. Whoever sees the task may, and watches it from then on.

        `@username` in the text, in any case, mentions a user who may see the project, and makes them watch the task; of
        any other name nothing comes. A text mentions 50 names at most.
        """
        # Bad values are refused before anything is looked up.
        body = checked_body(body)
        names = names_in(body)
        async with self._unit_of_work(actor, once=once) as uow:
            ground = await uow.comments.begin(ref, for_user=actor.user_id, parent=parent_id)
            if ground is None or not policy.sees_comment(uow.actor, is_member=ground.is_member):
                raise TaskNotFound
            if not ground.project_is_active:
                raise ProjectArchived
            if parent_id is not None:
                if ground.parent is None:
                    raise ReferenceNotFound(pointer="/parent_id")
                ground.parent.ensure_answerable()
            comment, created = Comment.create(
                id=self._ids.new(),
                task_id=ground.task_id,
                project_id=ground.project_id,
                parent_id=parent_id,
                author_id=actor.user_id,
                body=body,
                mentions=await self._mentioned(uow, names, project_id=ground.project_id),
                at=self._clock.now(),
            )
            uow.comments.add(comment)
            uow.watchers.watch(comment.task_id, {actor.user_id, *comment.mentioned})
            uow.record(created)
            seq = await uow.commit(made=Made(kind="comment", id=comment.id, version=comment.version))
        return Answer(CommentView.of(comment, author_name=ground.author_name), seq)

    @reading
    @answers(CommentNotFound)
    async def get(self, actor: Actor, comment_id: UUID) -> Answer[CommentView]:
        """One comment, for whoever sees its task."""
        comment, seq = await self._reader.one(actor, comment_id, visible=visible_tasks(actor))
        if comment is None:
            raise CommentNotFound
        return Answer(comment, seq)

    @answers(
        CommentNotFound,
        Forbidden,
        Stale,
        FieldReadOnly,
        CommentWasDeleted,
        TooManyMentions,
        ProjectArchived,
        Invalid,
    )
    async def change(
        self, actor: Actor, comment_id: UUID, changes: CommentChanges, *, expected: int | None = None
    ) -> Answer[CommentView]:
        """Changes the text of a comment. Who said it may, and nobody else.

        Whom it mentions is found out anew; those who were not mentioned before watch the task from then on.
        """
        async with self._unit_of_work(actor) as uow:
            loaded = await self._load(uow, actor, comment_id)
            comment, was = loaded.comment, loaded.comment.version
            policy.authorise_change(uow.actor, comment)
            present = CommentView.of(comment, author_name=loaded.author_name)
            ensure_current(expected, present)
            ensure_unchanged(changes.unchanged, present)
            _ensure_open(loaded)
            comment.ensure_stands()
            updated = None
            if "body" in changes.given:
                before = set(comment.mentioned)
                names = names_in(changes.body)
                updated = comment.change(
                    body=changes.body,
                    mentions=await self._mentioned(uow, names, project_id=comment.project_id),
                    at=self._clock.now(),
                )
                uow.watchers.watch(comment.task_id, set(comment.mentioned) - before)
            if updated is not None:
                uow.comments.save(comment, was=was)
                uow.record(updated)
            seq = await uow.commit()
        return Answer(CommentView.of(comment, author_name=loaded.author_name), seq)

    @answers(CommentNotFound, Forbidden, Stale, CommentWasDeleted, ProjectArchived)
    async def delete(self, actor: Actor, comment_id: UUID, *, expected: int | None = None) -> int:
        """Deletes a comment. Who said it may, and owners and admins.

        One that was answered keeps its place, without its text, until the last of its answers is deleted.
        """
        async with self._unit_of_work(actor) as uow:
            loaded = await self._load(uow, actor, comment_id)
            comment, was = loaded.comment, loaded.comment.version
            policy.authorise_delete(uow.actor, comment)
            ensure_current(expected, CommentView.of(comment, author_name=loaded.author_name))
            _ensure_open(loaded)
            uow.record(comment.delete(is_answered=loaded.is_answered, by=actor.user_id, at=self._clock.now()))
            if loaded.is_answered:
                uow.comments.save(comment, was=was)
            else:
                uow.comments.remove(comment)
            if loaded.left_alone is not None:
                uow.record(loaded.left_alone.give_up_place(by=actor.user_id))
                uow.comments.remove(loaded.left_alone)
            return await uow.commit()

    # Private parts

    async def _load(self, uow: CommentUnitOfWork, actor: Actor, comment_id: UUID) -> LoadedComment:
        loaded = await uow.comments.load(comment_id, for_user=actor.user_id)
        if loaded is None or not policy.sees_comment(uow.actor, is_member=loaded.is_member):
            raise CommentNotFound
        return loaded

    async def _mentioned(
        self, uow: CommentUnitOfWork, names: tuple[str, ...], *, project_id: UUID
    ) -> tuple[Mention, ...]:
        return await uow.comments.mentioned(names, project_id=project_id) if names else ()


def _ensure_open(loaded: LoadedComment) -> None:
    if not loaded.project_is_active:
        raise ProjectArchived
