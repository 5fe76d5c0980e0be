from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from core.kernel.events import Change, Channel, Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyCreated(Fact):
    event: ClassVar[str] = "company_created"
    channel: ClassVar[Channel] = Channel.NOTIFICATIONS

    company_id: UUID
    name: str
    code: str
    version: int
    created_by: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyUpdated(Fact):
    event: ClassVar[str] = "company_updated"
    channel: ClassVar[Channel] = Channel.NOTIFICATIONS

    company_id: UUID
    changes: dict[str, Change]
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyDeleted(Fact):
    event: ClassVar[str] = "company_deleted"
    channel: ClassVar[Channel] = Channel.NOTIFICATIONS

    company_id: UUID
    code: str
    version: int
