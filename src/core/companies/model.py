import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from uuid import UUID

from core.companies.errors import DeletionUnconfirmed
from core.companies.events import CompanyCreated, CompanyDeleted, CompanyUpdated
from core.kernel import text
from core.kernel.days import checked_zone
from core.kernel.errors import Fault, Invalid
from core.kernel.events import Change
from core.kernel.slug import plain_words

_CODE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanySettings:
    """What a company decides for all its people. `time_zone` is an IANA name."""

    members_edit_all_project_tasks: bool = False
    time_zone: str = "UTC"


_SETTINGS = frozenset(each.name for each in fields(CompanySettings))


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyChanges:
    """Fields to change; what is not in `given` stays as it is. `unchanged` are read-only fields and the values that the
    caller takes them to have.
    """

    given: frozenset[str]
    unchanged: Mapping[str, object] = field(default_factory=dict)
    name: str = ""
    code: str = ""
    contact_email: str | None = None
    members_edit_all_project_tasks: bool = False
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        # Bad values are refused before anything is looked up.
        if "name" in self.given:
            object.__setattr__(self, "name", text.name(self.name))
        if "code" in self.given and not _CODE.match(self.code):
            detail = "1 to 40 of a-z 0-9 -, first and last a letter or digit"
            raise Invalid(faults=(Fault(detail, pointer="/code"),))
        if "time_zone" in self.given:
            checked_zone(self.time_zone, pointer="/settings/time_zone")


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
    deleted_at: datetime | None = None
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

    def change(self, changes: CompanyChanges, *, at: datetime) -> CompanyUpdated | None:
        """Changes fields; None if nothing is different."""
        changed: dict[str, Change] = {}
        for name in sorted(changes.given):
            of_settings = name in _SETTINGS
            old, new = getattr(self.settings if of_settings else self, name), getattr(changes, name)
            if old == new:
                continue
            changed[name] = Change(old=old, new=new)
            if of_settings:
                self.settings = replace(self.settings, **{name: new})
            else:
                setattr(self, name, new)
        if not changed:
            return None
        self.version += 1
        self.updated_at = at
        return CompanyUpdated(company_id=self.id, changes=changed, version=self.version)

    def delete(self, *, confirmed: str, at: datetime) -> CompanyDeleted:
        """Ends everybody's access at once; what the company has is erased after 30 days. Raises DeletionUnconfirmed."""
        if confirmed != self.code:
            raise DeletionUnconfirmed
        self.is_active = False
        self.deleted_at = at
        self.updated_at = at
        self.version += 1
        return CompanyDeleted(company_id=self.id, code=self.code, version=self.version)


def code_from(name: str) -> str:
    """The code that a name suggests: lower-case words joined by hyphens, at most 40 characters, never empty."""
    return "-".join(plain_words(name)).lower()[:40].strip("-") or "company"
