from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from core.companies.events import CompanyCreated
from core.kernel import text
from core.kernel.slug import plain_words


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanySettings:
    """What a company decides for all its people. `time_zone` is an IANA name."""

    members_edit_all_project_tasks: bool = False
    time_zone: str = "UTC"


@dataclass(slots=True, kw_only=True)
class Company:
    """A tenant. `code` is url-safe and unique among all companies."""

    id: UUID
    name: str
    code: str
    contact_email: str | None
    created_at: datetime
    updated_at: datetime
    settings: CompanySettings = field(default_factory=CompanySettings)
    is_active: bool = True
    version: int = 1

    @staticmethod
    def found(*, id: UUID, name: str, contact_email: str | None, at: datetime, pointer: str = "/name") -> "Company":
        """Opens a company. Raises Invalid for a name that is none."""
        return Company(
            id=id,
            name=text.name(name, pointer=pointer),
            code=code_from(name),
            contact_email=contact_email,
            created_at=at,
            updated_at=at,
        )

    def founded(self, *, by: UUID) -> CompanyCreated:
        """That it was opened; to be said once its code is settled."""
        return CompanyCreated(company_id=self.id, name=self.name, code=self.code, version=self.version, created_by=by)


def code_from(name: str) -> str:
    """The code that a name suggests: lower-case words joined by hyphens, at most 40 characters, never empty."""
    return "-".join(plain_words(name)).lower()[:40].strip("-") or "company"
