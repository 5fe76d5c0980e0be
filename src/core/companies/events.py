from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from core.kernel.audit import AuditType, Note
from core.kernel.events import Change, Channel, Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyCreated(Fact):
    """The company was opened: the first event of its log."""

    event: ClassVar[str] = "company_created"
    channel: ClassVar[Channel] = Channel.NOTIFICATIONS

    company_id: UUID
    name: str
    code: str
    version: int
    created_by: UUID

    def notes(self) -> tuple[Note, ...]:
        return (Note(type=AuditType.COMPANY_CREATED, details={"code": self.code}),)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyUpdated(Fact):
    """The company's fields or settings were changed."""

    event: ClassVar[str] = "company_updated"
    channel: ClassVar[Channel] = Channel.NOTIFICATIONS

    company_id: UUID
    changes: dict[str, Change]
    version: int

    def notes(self) -> tuple[Note, ...]:
        personal = {name: {"old": change.old, "new": change.new} for name, change in self.changes.items()}
        return (Note(type=AuditType.COMPANY_UPDATED, details={"fields": sorted(self.changes)}, personal=personal),)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyDeleted(Fact):
    """The company was deleted; what it has is erased after 30 days."""

    event: ClassVar[str] = "company_deleted"
    channel: ClassVar[Channel] = Channel.NOTIFICATIONS

    company_id: UUID
    code: str
    version: int

    def notes(self) -> tuple[Note, ...]:
        return (Note(type=AuditType.COMPANY_DELETED, details={"code": self.code}),)
