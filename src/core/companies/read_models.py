from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from core.companies.model import Company, CompanySettings
from core.kernel.actor import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyView:
    """A company as one of its users sees it; `role` is that user's."""

    id: UUID
    name: str
    code: str
    contact_email: str | None
    is_active: bool
    settings: CompanySettings
    role: Role
    version: int
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def of(company: Company, *, role: Role) -> "CompanyView":
        return CompanyView(
            id=company.id,
            name=company.name,
            code=company.code,
            contact_email=company.contact_email,
            is_active=company.is_active,
            settings=company.settings,
            role=role,
            version=company.version,
            created_at=company.created_at,
            updated_at=company.updated_at,
        )

    @property
    def embedded(self) -> tuple[str, ...]:
        """The role is the caller's user's, not the company's."""
        return (self.role,)
