from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from core.kernel.events import Audience, Change, Channel, Concern, Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentFact(Fact):
    """Whoever may see the project now hears of the comments on its tasks."""

    channel: ClassVar[Channel] = Channel.TASKS

    comment_id: UUID
    task_id: UUID
    project_id: UUID
    version: int

    def audience(self) -> Audience:
        return Audience(project_id=self.project_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentCreated(CommentFact):
    """A comment was written. `mentions` are users. The text is not told: it is read where the comment is, as long as
    it stands there.
    """

    event: ClassVar[str] = "comment_created"

    parent_id: UUID | None
    author_id: UUID
    mentions: tuple[UUID, ...]

    def concern(self) -> Concern:
        return Concern.PEOPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentUpdated(CommentFact):
    """A comment was changed. `changes` are those of whom it mentions; of the text only that it is another one."""

    event: ClassVar[str] = "comment_updated"

    body_changed: bool
    changes: dict[str, Change]

    def concern(self) -> Concern | None:
        return Concern.PEOPLE if "mentions" in self.changes else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentDeleted(CommentFact):
    """A comment was deleted. `keeps_place`: it was answered, and shows from now on that it was deleted; else it is
    gone.
    """

    event: ClassVar[str] = "comment_deleted"

    author_id: UUID | None
    deleted_by: UUID
    keeps_place: bool
