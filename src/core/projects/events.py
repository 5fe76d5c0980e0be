from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from core.kernel.events import Audience, Change, Channel, Concern, Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectCreated(Fact):
    """A project was opened."""

    event: ClassVar[str] = "project_created"
    channel: ClassVar[Channel] = Channel.PROJECTS

    project_id: UUID
    key: str
    name: str
    created_by: UUID
    version: int

    def audience(self) -> Audience:
        return Audience(project_id=self.project_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectUpdated(Fact):
    """A project's fields were changed; `is_active` false is the archive."""

    event: ClassVar[str] = "project_updated"
    channel: ClassVar[Channel] = Channel.PROJECTS

    project_id: UUID
    changes: dict[str, Change]
    version: int

    def audience(self) -> Audience:
        return Audience(project_id=self.project_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectDeleted(Fact):
    """A project was deleted, and its tasks with it. Nobody may see it any more, but its `members` at that time hear of
    its end.
    """

    event: ClassVar[str] = "project_deleted"
    channel: ClassVar[Channel] = Channel.PROJECTS
    untold: ClassVar[frozenset[str]] = frozenset({"members"})

    project_id: UUID
    key: str
    name: str
    version: int
    members: tuple[UUID, ...]

    def audience(self) -> Audience:
        return Audience(named=self.members)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRestored(Fact):
    """A project was brought back. It, and the tasks that were deleted with it, are there again."""

    event: ClassVar[str] = "project_restored"
    channel: ClassVar[Channel] = Channel.PROJECTS

    project_id: UUID
    key: str
    name: str
    version: int

    def audience(self) -> Audience:
        return Audience(project_id=self.project_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipFact(Fact):
    """Whoever sees the project hears of its members, and the one concerned does, who may not see it any more."""

    channel: ClassVar[Channel] = Channel.PROJECTS

    project_id: UUID
    project_key: str
    project_name: str
    user_id: UUID
    user_name: str
    version: int

    def audience(self) -> Audience:
        return Audience(project_id=self.project_id, named=(self.user_id,))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectMemberAdded(MembershipFact):
    """Somebody was added to a project."""

    event: ClassVar[str] = "project_member_added"

    def concern(self) -> Concern:
        return Concern.PEOPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectMemberRemoved(MembershipFact):
    """Somebody was removed from a project."""

    event: ClassVar[str] = "project_member_removed"
