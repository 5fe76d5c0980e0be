from datetime import datetime
from typing import NamedTuple, TypedDict
from uuid import UUID

from core.comments.model import Comment


class MentionView(TypedDict):
    """A user whom a comment mentions."""

    id: UUID
    name: str


class CommentView(NamedTuple):
    """A comment as a screen shows it. `deleted`: only its place among its answers is left."""

    id: UUID
    task_id: UUID
    parent_id: UUID | None
    author_id: UUID | None
    author_name: str | None
    body: str
    mentions: list[MentionView]
    deleted: bool
    version: int
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def of(comment: Comment, *, author_name: str | None) -> "CommentView":
        return CommentView(
            id=comment.id,
            task_id=comment.task_id,
            parent_id=comment.parent_id,
            author_id=comment.author_id,
            author_name=author_name,
            body=comment.body,
            mentions=[{"id": mention.id, "name": mention.name} for mention in comment.mentions],
            deleted=comment.is_deleted,
            version=comment.version,
            created_at=comment.created_at,
            updated_at=comment.updated_at,
        )

    @property
    def embedded(self) -> tuple[str, ...]:
        """Names that belong to other things and change without this one's version."""
        return (self.author_name or "", *(mention["name"] for mention in self.mentions))
