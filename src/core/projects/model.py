import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import chain
from uuid import UUID

from core.kernel import text
from core.kernel.actor import Role
from core.kernel.errors import Fault, Invalid
from core.kernel.events import Change
from core.kernel.slug import plain_words
from core.projects.errors import ColleagueInactive, MemberNotFound, ProjectArchived, ProjectNotDeleted
from core.projects.events import (
    ProjectCreated,
    ProjectDeleted,
    ProjectMemberAdded,
    ProjectMemberRemoved,
    ProjectRestored,
    ProjectUpdated,
)

_KEY = re.compile(r"[A-Z][A-Z0-9]{1,9}\Z")

RESTORABLE = timedelta(days=30)
"""For so long a deleted project can be restored."""


class ProjectStatus(StrEnum):
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectChanges:
    """Fields to change; what is not in `given` stays as it is. `unchanged` are read-only fields and the values that the
    caller takes them to have.
    """

    given: frozenset[str]
    unchanged: Mapping[str, object] = field(default_factory=dict)
    key: str = ""
    name: str = ""
    description: str | None = None
    deadline: date | None = None
    status: ProjectStatus = ProjectStatus.PENDING
    is_active: bool = True

    def __post_init__(self) -> None:
        # Bad values are refused before anything is looked up.
        if "key" in self.given:
            object.__setattr__(self, "key", checked_key(self.key))
        if "name" in self.given:
            text.name(self.name)
        if self.description is not None:
            text.description(self.description)


@dataclass(slots=True, kw_only=True)
class Colleague:
    """A user of the company to a project: `added_at` is since when they belong to it, None if they do not."""

    user_id: UUID
    name: str
    username: str
    email: str | None
    role: Role
    is_active: bool
    added_at: datetime | None


@dataclass(slots=True, kw_only=True)
class Project:
    """A project. `key` is 2 to 10 of A-Z and 0-9; `is_active` False is the archive."""

    id: UUID
    key: str
    name: str
    description: str | None
    deadline: date | None
    status: ProjectStatus
    is_active: bool
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None
    version: int = 1

    @staticmethod
    def open(
        *,
        id: UUID,
        key: str,
        name: str,
        description: str | None,
        deadline: date | None,
        status: ProjectStatus,
        created_by: UUID,
        at: datetime,
    ) -> "tuple[Project, ProjectCreated]":
        """Opens a project. Raises Invalid for a name, description or key that is none."""
        project = Project(
            id=id,
            key=checked_key(key),
            name=text.name(name),
            description=text.description(description) if description is not None else None,
            deadline=deadline,
            status=status,
            is_active=True,
            created_by=created_by,
            created_at=at,
            updated_at=at,
        )
        created = ProjectCreated(
            project_id=id, key=project.key, name=project.name, created_by=created_by, version=project.version
        )
        return project, created

    def ensure_open(self) -> None:
        """Raises ProjectArchived for an archived project, which is readable but not writable."""
        if not self.is_active:
            raise ProjectArchived

    def differing(self, changes: ProjectChanges) -> frozenset[str]:
        """The fields that would be different after the changes."""
        return frozenset(name for name in changes.given if getattr(self, name) != getattr(changes, name))

    def change(self, changes: ProjectChanges, *, at: datetime) -> ProjectUpdated | None:
        """Changes fields; None if nothing is different. Raises ProjectArchived unless it returns from the archive."""
        if self.differing(changes) and not ("is_active" in changes.given and changes.is_active):
            self.ensure_open()
        new: dict[str, object] = {name: getattr(changes, name) for name in changes.given}
        if "name" in new:
            new["name"] = text.name(changes.name)
        if changes.description is not None:
            new["description"] = text.description(changes.description)
        changed: dict[str, Change] = {}
        for name, value in sorted(new.items()):
            old = getattr(self, name)
            if old != value:
                changed[name] = Change(old=old, new=value)
                setattr(self, name, value)
        if not changed:
            return None
        self.version += 1
        self.updated_at = at
        return ProjectUpdated(project_id=self.id, changes=changed, version=self.version)

    def delete(self, *, members: tuple[UUID, ...], at: datetime) -> ProjectDeleted:
        """Takes the project out of sight, with all its tasks; it can be restored for 30 days."""
        self.deleted_at = at
        self.updated_at = at
        self.version += 1
        return ProjectDeleted(project_id=self.id, key=self.key, name=self.name, version=self.version, members=members)

    def restore(self, *, at: datetime) -> tuple[datetime, ProjectRestored]:
        """Brings a deleted project back as it was; answers since when it was deleted. Raises ProjectNotDeleted."""
        deleted_at = self.deleted_at
        if deleted_at is None:
            raise ProjectNotDeleted
        self.deleted_at = None
        self.updated_at = at
        self.version += 1
        return deleted_at, ProjectRestored(project_id=self.id, key=self.key, name=self.name, version=self.version)

    def admit(self, colleague: Colleague, *, at: datetime) -> ProjectMemberAdded | None:
        """Makes a user a member; None if they are one. Raises ProjectArchived and ColleagueInactive."""
        if colleague.added_at is not None:
            return None
        self.ensure_open()
        if not colleague.is_active:
            raise ColleagueInactive
        colleague.added_at = at
        return ProjectMemberAdded(
            project_id=self.id,
            project_key=self.key,
            project_name=self.name,
            user_id=colleague.user_id,
            user_name=colleague.name,
            version=self.version,
        )

    def dismiss(self, colleague: Colleague) -> ProjectMemberRemoved:
        """Takes a member away, from an archived project too: who may read it must not depend on its being changeable.

        Raises MemberNotFound.
        """
        if colleague.added_at is None:
            raise MemberNotFound
        colleague.added_at = None
        return ProjectMemberRemoved(
            project_id=self.id,
            project_key=self.key,
            project_name=self.name,
            user_id=colleague.user_id,
            user_name=colleague.name,
            version=self.version,
        )


def checked_key(key: str) -> str:
    """The key in capitals: 2 to 10 of A-Z and 0-9, first a letter. Raises Invalid."""
    key = key.upper()
    if not _KEY.match(key):
        raise Invalid(faults=(Fault("2 to 10 of A-Z and 0-9, first a letter", pointer="/key"),))
    return key


def keys_from(name: str) -> Iterator[str]:
    """The keys that a name suggests, best first: initials of several words, or first letters; then with numbers."""
    words = [word.upper() for word in plain_words(name)]
    initials = "".join(word[0] for word in words)
    joined = "".join(words)
    found = [initials[:5], joined[:3], joined[:4], joined[:5]] if len(words) > 1 else [joined[:n] for n in (3, 4, 5)]
    fitting = [key for key in found if _KEY.match(key)] or ["PRJ"]
    stem = fitting[0][:6]
    # Names without a letter that a key may hold all have the same stem, so that many projects share one.
    return chain(dict.fromkeys(fitting), (f"{stem}{number}" for number in range(2, 10 ** (10 - len(stem)))))
