from dataclasses import replace
from datetime import datetime
from uuid import UUID

from core.comments.model import Comment, Mention, in_order
from core.comments.ports import Ground, LoadedComment
from core.comments.read_models import CommentView
from core.kernel.actor import Actor, Role
from core.kernel.errors import Conflict
from core.kernel.once import Once
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.tasks.policy import Visible
from core.tasks.ports import TaskRef
from tests.fakes.paging import Key, page_of
from tests.fakes.store import Store
from tests.fakes.tables import CompanyTables
from tests.fakes.unit_of_work import InMemoryUnitOfWork
from tests.fakes.watching import InMemoryWatchers

SORTS = {"created_at": Key(lambda comment: comment.created_at, datetime.isoformat, datetime.fromisoformat)}


class InMemoryComments:
    """The comments of one unit of work's company."""

    def __init__(self, unit: InMemoryUnitOfWork) -> None:
        self._unit = unit

    async def begin(self, ref: TaskRef, *, for_user: UUID, parent: UUID | None) -> Ground | None:
        tables = self._unit.now
        task = tables.task(ref)
        if task is None:
            return None
        answered = _comment(tables, parent) if parent is not None else None
        return Ground(
            task_id=task.id,
            project_id=task.project_id,
            project_is_active=tables.projects[task.project_id].is_active,
            is_member=(task.project_id, for_user) in tables.members,
            author_name=tables.name_of(for_user) or "",
            parent=answered if answered is not None and answered.task_id == task.id else None,
        )

    async def load(self, comment_id: UUID, *, for_user: UUID) -> LoadedComment | None:
        tables = self._unit.now
        comment = _comment(tables, comment_id)
        if comment is None:
            return None
        answered = _comment(tables, comment.parent_id) if comment.parent_id is not None else None
        alone = answered is not None and answered.is_deleted and _answers(tables, answered.id) == [comment.id]
        return LoadedComment(
            comment=comment,
            author_name=tables.name_of(comment.author_id),
            project_is_active=tables.projects[comment.project_id].is_active,
            is_member=(comment.project_id, for_user) in tables.members,
            is_answered=bool(_answers(tables, comment.id)),
            left_alone=answered if alone else None,
        )

    async def mentioned(self, names: tuple[str, ...], *, project_id: UUID) -> tuple[Mention, ...]:
        tables = self._unit.now
        users = [person.user for person in tables.people.values() if person.user.username.lower() in names]
        return tuple(
            Mention(user.id, user.name)
            for user in users
            if user.is_active and (user.role is not Role.MEMBER or (project_id, user.id) in tables.members)
        )

    def add(self, comment: Comment) -> None:
        self._put(replace(comment), was=None)

    def save(self, comment: Comment, *, was: int) -> None:
        self._put(replace(comment), was=was)

    def remove(self, comment: Comment) -> None:
        def take_away(tables: CompanyTables) -> None:
            if tables.comments.pop(comment.id, None) is None:
                raise Conflict("the comment is gone")

        self._unit.transaction.defer(self._unit.within(take_away))

    def _put(self, comment: Comment, *, was: int | None) -> None:
        def put(tables: CompanyTables) -> None:
            found = tables.comments.get(comment.id)
            if (found.version if found is not None else None) != was:
                raise Conflict("the comment changed meanwhile")
            tables.comments[comment.id] = comment

        self._unit.transaction.defer(self._unit.within(put))


class InMemoryCommentUnitOfWork(InMemoryUnitOfWork):
    """A unit of work with comments, and with those who watch the tasks."""

    def __init__(self, store: Store, actor: Actor, *, once: Once | None = None) -> None:
        super().__init__(store, actor, once=once)
        self.comments = InMemoryComments(self)
        self.watchers = InMemoryWatchers(self)


class InMemoryCommentReader:
    """What screens show of comments."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(
        self, actor: Actor, ref: TaskRef, *, visible: Visible, sort: Sort, page: PageRequest
    ) -> Answer[Page[CommentView] | None]:
        tables = self._store.read(actor)
        task = tables.task(ref)
        if task is None or not _is_visible(tables, task.project_id, visible):
            return Answer(None, tables.last_seq)
        comments = [each for each in tables.comments.values() if each.task_id == task.id]
        found = page_of(comments, page, key=SORTS[sort.field], sort=sort, id_of=lambda comment: comment.id)
        views = [_view(tables, comment.id) for comment in found.items]
        return Answer(Page(views, found.next_position, found.total), tables.last_seq)

    async def one(self, actor: Actor, comment_id: UUID, *, visible: Visible) -> Answer[CommentView | None]:
        tables = self._store.read(actor)
        comment = _comment(tables, comment_id)
        if comment is None or not _is_visible(tables, comment.project_id, visible):
            return Answer(None, tables.last_seq)
        return Answer(_view(tables, comment_id), tables.last_seq)


def _comment(tables: CompanyTables, comment_id: UUID) -> Comment | None:
    """A copy of the comment, as things are called now; None also if its task does not stand."""
    found = tables.comments.get(comment_id)
    task = tables.task(found.task_id) if found is not None else None
    if found is None or task is None:
        return None
    mentions = in_order(Mention(user_id, tables.people[user_id].user.name) for user_id in found.mentioned)
    return replace(found, project_id=task.project_id, mentions=mentions)


def _answers(tables: CompanyTables, comment_id: UUID) -> list[UUID]:
    return [each.id for each in tables.comments.values() if each.parent_id == comment_id]


def _is_visible(tables: CompanyTables, project_id: UUID, visible: Visible) -> bool:
    return visible.member_id is None or (project_id, visible.member_id) in tables.members


def _view(tables: CompanyTables, comment_id: UUID) -> CommentView:
    comment = _comment(tables, comment_id)
    assert comment is not None
    return CommentView.of(comment, author_name=tables.name_of(comment.author_id))
