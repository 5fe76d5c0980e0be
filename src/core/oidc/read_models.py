from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from core.kernel.actor import Role
from core.oidc.model import EmailDomain, OidcConnection


class ConnectionView(NamedTuple):
    """A connection as admins see it; its secret is never shown, only whether there is one."""

    id: UUID
    name: str
    issuer: str
    client_id: str
    has_client_secret: bool
    email_domains: tuple[str, ...]
    default_role: Role
    role_claim: str | None
    role_map: Mapping[str, Role]
    jit_provisioning: bool
    enforce_sso: bool
    break_glass_user_id: UUID | None
    admits_owners: bool
    version: int
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def of(connection: OidcConnection) -> "ConnectionView":
        chosen = connection.chosen
        return ConnectionView(
            id=connection.id,
            name=chosen.name,
            issuer=chosen.issuer,
            client_id=chosen.client_id,
            has_client_secret=bool(chosen.client_secret),
            email_domains=chosen.email_domains,
            default_role=chosen.default_role,
            role_claim=chosen.role_claim,
            role_map=chosen.role_map,
            jit_provisioning=chosen.jit_provisioning,
            enforce_sso=chosen.enforce_sso,
            break_glass_user_id=chosen.break_glass_user_id,
            admits_owners=connection.admits_owners,
            version=connection.version,
            created_at=connection.created_at,
            updated_at=connection.updated_at,
        )

    @property
    def embedded(self) -> tuple[str, ...]:
        """Nothing of others is shown."""
        return ()


class EmailDomainView(NamedTuple):
    """A domain, and the TXT record that proves it."""

    id: UUID
    domain: str
    is_verified: bool
    record_name: str
    record_value: str
    verified_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def of(domain: EmailDomain) -> "EmailDomainView":
        return EmailDomainView(
            id=domain.id,
            domain=domain.domain,
            is_verified=domain.verified_at is not None,
            record_name=domain.record_name,
            record_value=domain.record_value,
            verified_at=domain.verified_at,
            version=domain.version,
            created_at=domain.created_at,
            updated_at=domain.updated_at,
        )

    @property
    def embedded(self) -> tuple[str, ...]:
        """Nothing of others is shown."""
        return ()


class WayIn(NamedTuple):
    """A way to sign in that an address may use. `company`: the one that it opens; None for all."""

    connection_id: UUID
    name: str
    company: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Where the browser goes to sign in, and what it keeps meanwhile."""

    address: str
    sealed_state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """Where the browser goes to be signed in there, with the code in the address."""

    redirect_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """Whom a provider says that somebody is; the saying is verified, not what it says. `roles` are the words of the
    claim that the connection asks for; at `authenticated_at` they proved to the provider who they are, if it says when.
    """

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    name: str | None
    roles: tuple[str, ...] = ()
    authenticated_at: datetime | None = None
