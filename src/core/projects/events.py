from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from core.kernel.events import Audience, Change, Channel, Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectCreated(Fact):
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
    event: ClassVar[str] = "project_updated"
    channel: ClassVar[Channel] = Channel.PROJECTS

    project_id: UUID
    changes: dict[str, Change]
    version: int

    def audience(self) -> Audience:
        return Audience(project_id=self.project_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectDeleted(Fact):
    """`members` are those at the time: nobody may see the project any more, but they hear of its end."""

    event: ClassVar[str] = "project_deleted"
    channel: ClassVar[Channel] = Channel.PROJECTS

    project_id: UUID
    key: str
    name: str
    version: int
    members: tuple[UUID, ...]

    def audience(self) -> Audience:
        return Audience(named=self.members)

    def body(self) -> dict[str, Any]:
        return {"project_id": self.project_id, "key": self.key, "name": self.name, "version": self.version}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRestored(Fact):
    """The project, and the tasks that were deleted with it, are there again."""

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
    event: ClassVar[str] = "project_member_added"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectMemberRemoved(MembershipFact):
    event: ClassVar[str] = "project_member_removed"
