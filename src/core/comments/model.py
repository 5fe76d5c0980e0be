import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from core.comments.errors import AnswerToAnswer, CommentWasDeleted, TooManyMentions
from core.comments.events import CommentCreated, CommentDeleted, CommentUpdated
from core.kernel import text
from core.kernel.events import Change

BODY_LENGTH = 100_000
MOST_NAMES = 50
"""So many names are looked at in one comment."""
_NAME_LENGTH = 50
# An address, as in ann@example.com, mentions nobody. No part of it can be read in two ways, so it takes linear time.
_MENTION = re.compile(r"(?<![\w@])@([A-Za-z0-9][A-Za-z0-9._-]*)")


class Mention(NamedTuple):
    """A user whom a comment mentions."""

    id: UUID
    name: str


def checked_body(body: str) -> str:
    """Markdown of 1 to 100,000 characters, stored as written but for the white space around it. Raises Invalid."""
    return text.cleaned(body, pointer="/body", most=BODY_LENGTH, least=1)


def names_in(body: str) -> tuple[str, ...]:
    """The usernames that a text mentions by `@name`, in small letters, each once, in their order.

    Code is not set apart. Raises TooManyMentions.
    """
    names: dict[str, None] = {}
    for found in _MENTION.finditer(body):
        # What ends a sentence ends no name.
        name = found[1].rstrip("._-").lower()
        if len(name) <= _NAME_LENGTH:
            names[name] = None
        if len(names) > MOST_NAMES:
            raise TooManyMentions
    return tuple(names)


def in_order(mentions: Iterable[Mention]) -> tuple[Mention, ...]:
    """Mentions as a comment shows them: by name."""
    return tuple(sorted(mentions, key=lambda mention: (mention.name, mention.id)))


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentChanges:
    """Fields to change; what is not in `given` stays as it is. `unchanged` are read-only fields and the values that the
    caller takes them to have.
    """

    given: frozenset[str]
    unchanged: Mapping[str, object] = field(default_factory=dict)
    body: str = ""

    def __post_init__(self) -> None:
        # Bad values are refused before anything is looked up.
        if "body" in self.given:
            object.__setattr__(self, "body", checked_body(self.body))
            names_in(self.body)


@dataclass(slots=True, kw_only=True)
class Comment:
    """What somebody said about a task. `project_id` is the task's project; `parent_id` the comment that it answers.

    One that was deleted although it was answered keeps its place, without its text.
    """

    id: UUID
    task_id: UUID
    project_id: UUID
    parent_id: UUID | None
    author_id: UUID | None
    body: str
    mentions: tuple[Mention, ...]
    created_at: datetime
    updated_at: datetime
    is_deleted: bool = False
    version: int = 1

    @staticmethod
    def create(
        *,
        id: UUID,
        task_id: UUID,
        project_id: UUID,
        parent_id: UUID | None,
        author_id: UUID,
        body: str,
        mentions: tuple[Mention, ...],
        at: datetime,
    ) -> "tuple[Comment, CommentCreated]":
        """A new comment. Raises Invalid for a text that is none."""
        comment = Comment(
            id=id,
            task_id=task_id,
            project_id=project_id,
            parent_id=parent_id,
            author_id=author_id,
            body=checked_body(body),
            mentions=in_order(mentions),
            created_at=at,
            updated_at=at,
        )
        return comment, CommentCreated(
            comment_id=id,
            task_id=task_id,
            project_id=project_id,
            parent_id=parent_id,
            author_id=author_id,
            mentions=comment.mentioned,
            version=comment.version,
        )

    @property
    def mentioned(self) -> tuple[UUID, ...]:
        """The users whom it mentions."""
        return tuple(sorted(mention.id for mention in self.mentions))

    def ensure_answerable(self) -> None:
        """Raises AnswerToAnswer and CommentWasDeleted."""
        if self.parent_id is not None:
            raise AnswerToAnswer
        self.ensure_stands()

    def ensure_stands(self) -> None:
        """Raises CommentWasDeleted."""
        if self.is_deleted:
            raise CommentWasDeleted

    def change(self, *, body: str, mentions: tuple[Mention, ...], at: datetime) -> CommentUpdated | None:
        """Gives it another text, and whom that mentions; None if nothing is different. Raises CommentWasDeleted."""
        self.ensure_stands()
        before, self.mentions = self.mentioned, in_order(mentions)
        body_changed, self.body = body != self.body, body
        changed: dict[str, Change] = {}
        if before != self.mentioned:
            changed["mentions"] = Change(old=before, new=self.mentioned)
        if not (body_changed or changed):
            return None
        self.version += 1
        self.updated_at = at
        return CommentUpdated(
            comment_id=self.id,
            task_id=self.task_id,
            project_id=self.project_id,
            body_changed=body_changed,
            changes=changed,
            version=self.version,
        )

    def delete(self, *, is_answered: bool, by: UUID, at: datetime) -> CommentDeleted:
        """Takes its text away, and itself unless it is answered. Raises CommentWasDeleted."""
        self.ensure_stands()
        self.body, self.mentions, self.is_deleted = "", (), True
        self.updated_at = at
        return self._deleted(by=by, keeps_place=is_answered)

    def give_up_place(self, *, by: UUID) -> CommentDeleted:
        """Takes away one that was deleted before, when the last of its answers goes."""
        return self._deleted(by=by, keeps_place=False)

    def _deleted(self, *, by: UUID, keeps_place: bool) -> CommentDeleted:
        self.version += 1
        return CommentDeleted(
            comment_id=self.id,
            task_id=self.task_id,
            project_id=self.project_id,
            author_id=self.author_id,
            deleted_by=by,
            keeps_place=keeps_place,
            version=self.version,
        )
