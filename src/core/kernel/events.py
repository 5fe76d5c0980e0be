"""Facts: what happened, in the past tense, and who may hear of it."""

from collections.abc import Hashable
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

from core.kernel.audit import Note


class Concern(StrEnum):
    """What a reader of the log looks for, and finds nothing of in most of it."""

    PEOPLE = "people"
    MAIL = "mail"


class Channel(StrEnum):
    """An event channel: a topic of events, not a room for people."""

    TASKS = "task_updates"
    PROJECTS = "project_updates"
    KANBAN = "kanban_updates"
    NOTIFICATIONS = "notifications"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Who may hear of a fact: everybody who may see the project now, plus those named, plus the admins.

    `project_id` None means no project opens it; admins hear of everything but what is for named users alone;
    `everyone` are all users of the company.
    """

    project_id: UUID | None = None
    named: tuple[UUID, ...] = ()
    admins: bool = True
    everyone: bool = False


@cache
def _names(of: Hashable) -> tuple[str, ...]:
    kind: Any = of
    return tuple(field.name for field in fields(kind) if field.name not in kind.untold)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that happened. Subclasses add flat fields; `event` is its stable name in the log. What is `untold` is
    for the audience alone, and does not stand in the event.
    """

    event: ClassVar[str]
    channel: ClassVar[Channel]
    untold: ClassVar[frozenset[str]] = frozenset()

    def audience(self) -> Audience:
        """Who may hear of it; stored with the event when it is written."""
        return Audience()

    def concern(self) -> Concern | None:
        """Whose work it is to do something about it: of people, that somebody may have to be told; of mail, that a
        letter may have to be sent. Who reads a log for that looks at it only where there is some.
        """
        return None

    def notes(self) -> tuple[Note, ...]:
        """What an auditor is told of it, written together with it; nothing of most facts."""
        return ()

    def body(self) -> dict[str, Any]:
        """The flat fields as they stand in the event."""
        return {name: getattr(self, name) for name in self.flat_fields()}

    @classmethod
    def flat_fields(cls) -> tuple[str, ...]:
        """The names of the flat fields."""
        kind: Any = cls
        return _names(kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field's old and new value."""

    old: object
    new: object
