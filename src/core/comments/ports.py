from typing import NamedTuple, Protocol
from uuid import UUID

from core.comments.model import Comment, Mention
from core.comments.read_models import CommentView
from core.kernel.actor import Actor
from core.kernel.once import Once
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.kernel.ports import UnitOfWork
from core.tasks.policy import Visible
from core.tasks.ports import TaskRef
from core.watching.ports import Watchers


class Ground(NamedTuple):
    """What a new comment stands on; the project stays as it is until the transaction ends, and so does `parent`, the
    comment that was named, None if the task has no such comment.
    """

    task_id: UUID
    project_id: UUID
    project_is_active: bool
    is_member: bool
    author_name: str
    parent: Comment | None


class LoadedComment(NamedTuple):
    """A comment to change; it, the comment that it answers and the project are locked until the transaction ends.

    `is_answered`: other comments answer it. `left_alone` is the comment that it answers, if that was deleted and has no
    other answer.
    """

    comment: Comment
    author_name: str | None
    project_is_active: bool
    is_member: bool
    is_answered: bool
    left_alone: Comment | None


class Comments(Protocol):
    """The comments of the company that the unit of work was opened for, on tasks that stand."""

    async def begin(self, ref: TaskRef, *, for_user: UUID, parent: UUID | None) -> Ground | None:
        """Prepares a new comment on a task, by that user; None if there is no such task.

        Raises ChangedMeanwhile if the task went to another project at the same moment.
        """
        ...

    async def load(self, comment_id: UUID, *, for_user: UUID) -> LoadedComment | None:
        """A comment to change. Raises ChangedMeanwhile as `begin` does."""
        ...

    async def mentioned(self, names: tuple[str, ...], *, project_id: UUID) -> tuple[Mention, ...]:
        """The active users of those usernames, in small letters, who may see the project."""
        ...

    def add(self, comment: Comment) -> None: ...

    def save(self, comment: Comment, *, was: int) -> None:
        """Writes a changed comment, whose version was `was`, and whom it mentions."""
        ...

    def remove(self, comment: Comment) -> None:
        """Deletes a comment for good; nothing answers it."""
        ...


class CommentUnitOfWork(UnitOfWork, Protocol):
    @property
    def comments(self) -> Comments: ...

    @property
    def watchers(self) -> Watchers: ...


class OpenCommentUnitOfWork(Protocol):
    def __call__(self, actor: Actor, *, once: Once | None = None) -> CommentUnitOfWork: ...


class CommentReader(Protocol):
    """What screens show of comments. Each call is one round trip, and one snapshot."""

    async def page(
        self, actor: Actor, ref: TaskRef, *, visible: Visible, sort: Sort, page: PageRequest
    ) -> Answer[Page[CommentView] | None]:
        """The comments on a task, answers among them; None if the task is not among the visible ones."""
        ...

    async def one(self, actor: Actor, comment_id: UUID, *, visible: Visible) -> Answer[CommentView | None]: ...
