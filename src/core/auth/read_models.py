from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from core.companies.read_models import CompanyView
from core.kernel.actor import Role
from core.users.read_models import UserView


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """One company that an account belongs to, and as whom.

    Where `sso_enforced`, it is entered by its own providers alone, the first of which is `sso_connection_id`; but who
    `breaks_glass` may still give a password. Known only where somebody enters.
    """

    user_id: UUID
    company_id: UUID
    company_name: str
    company_code: str
    role: Role
    sso_enforced: bool = False
    breaks_glass: bool = False
    sso_connection_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The caller: their user in the company they act in, that company, and all companies of their account.

    `second_factor`: their password alone does not sign in; None, said to no token.
    """

    user: UserView
    company: CompanyView
    companies: tuple[Membership, ...]
    second_factor: bool | None = None


class SessionView(NamedTuple):
    """An open login session of the caller's account. `current` is the one that asks.

    The company is where the device last worked, if the caller still belongs to it.
    """

    id: UUID
    agent: str | None
    address: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    authenticated_at: datetime
    current: bool
    current_company_id: UUID | None
    current_company_name: str | None


class SteppedUp(NamedTuple):
    """When the caller proved who they are, and until when that counts."""

    authenticated_at: datetime
    valid_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """What a successful sign-in gives. `refresh_token` is a secret of the device; `expires_in` is in seconds.

    `device_token` is what a browser is known by when it signs in again.
    """

    access_token: str
    expires_in: int
    refresh_token: str | None
    user: UserView
    company: CompanyView
    device_token: str | None = None


class SecondFactorAsked(NamedTuple):
    """The password was right, and a code is needed too: with one, the ticket signs in. `expires_in` is in seconds."""

    ticket: str
    expires_in: int


class Enrolment(NamedTuple):
    """What an authenticator has to know, as text to type and as the `otpauth://` address to show as a picture."""

    secret: str
    provisioning_uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a login with the right password came to, until the second factor is shown: whom it signs in, into which
    company, and the hash that takes the place of the account's. `is_new`: of another password, which replaces a
    temporary one.

    It is good for the `version` of the account that the password was proved for.
    """

    account_id: UUID
    version: int
    expires_at: datetime
    company_id: UUID | None = None
    company: str | None = None
    password_hash: str | None = field(default=None, repr=False)
    is_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a verified access token says. `role` is a hint only."""

    account_id: UUID
    user_id: UUID
    company_id: UUID
    session_id: UUID
    role: Role
