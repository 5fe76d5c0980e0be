from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from core.kernel.audit import AuditType, Note
from core.kernel.events import Change, Channel, Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcConnectionFact(Fact):
    """The admins hear of it."""

    channel: ClassVar[Channel] = Channel.NOTIFICATIONS

    oidc_connection_id: UUID
    version: int

    def notes(self) -> tuple[Note, ...]:
        details: dict[str, object] = {"event": self.event, "connection_id": self.oidc_connection_id}
        return (Note(type=AuditType.OIDC_CONNECTION_CHANGED, details={**details, **self.told()}),)

    def told(self) -> dict[str, object]:
        """What an auditor is told besides."""
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcConnectionCreated(OidcConnectionFact):
    """A connection to an OpenID provider was made."""

    event: ClassVar[str] = "oidc_connection_created"

    name: str
    issuer: str

    def told(self) -> dict[str, object]:
        return {"issuer": self.issuer}


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcConnectionUpdated(OidcConnectionFact):
    """A connection to an OpenID provider was changed. Of a new secret it is only said that there is one."""

    event: ClassVar[str] = "oidc_connection_updated"

    changes: dict[str, Change]

    def told(self) -> dict[str, object]:
        issuer = self.changes.get("issuer")
        return {"fields": sorted(self.changes), **({"issuer": issuer.new} if issuer is not None else {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcConnectionDeleted(OidcConnectionFact):
    """A connection to an OpenID provider was deleted."""

    event: ClassVar[str] = "oidc_connection_deleted"

    name: str
    issuer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailDomainFact(Fact):
    """The admins hear of it."""

    channel: ClassVar[Channel] = Channel.NOTIFICATIONS

    email_domain_id: UUID
    domain: str
    version: int

    def notes(self) -> tuple[Note, ...]:
        details = {"event": self.event, "domain": self.domain}
        return (Note(type=AuditType.OIDC_CONNECTION_CHANGED, details=details),)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailDomainCreated(EmailDomainFact):
    """A domain of addresses was claimed."""

    event: ClassVar[str] = "email_domain_created"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailDomainVerified(EmailDomainFact):
    """A domain of addresses was proved to be the company's."""

    event: ClassVar[str] = "email_domain_verified"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailDomainDeleted(EmailDomainFact):
    """A domain of addresses was given up."""

    event: ClassVar[str] = "email_domain_deleted"
