import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from core.auth.common_passwords import COMMON
from core.kernel.limits import Limit
from core.kernel.slug import plain_words
from core.users.errors import PasswordTooWeak

IDLE = timedelta(days=7)
LONGEST = timedelta(days=90)
REPLAY_GRACE = timedelta(seconds=10)
ACCESS_LIFE = timedelta(minutes=30)
LONGEST_PASSWORD = 128
FAILURES = Limit(name="failures", most=5, seconds=15 * 60)


@dataclass(slots=True, kw_only=True)
class Account:
    """A login identity, global. `email` is in its canonical form, as `EmailAddresses` returns it.

    `claimed_at` is when its holder first proved to be the one: by registering, or by choosing a password of their own
    for an account that an admin made. `password_is_temporary`: an admin chose it, and it must be replaced.
    """

    id: UUID
    email: str
    name: str
    password_hash: str | None
    created_at: datetime
    updated_at: datetime
    email_verified_at: datetime | None = None
    claimed_at: datetime | None = None
    password_is_temporary: bool = False
    version: int = 1

    def choose_password(self, password_hash: str, *, at: datetime) -> None:
        """Takes a password that the holder chose; whoever gave them a temporary one no longer knows it."""
        self.password_hash = password_hash
        self.password_is_temporary = False
        self.claimed_at = self.claimed_at or at
        self.updated_at = at
        self.version += 1

    def strip(self, *, at: datetime) -> None:
        """Takes away the password: whoever has it may not be who has the address."""
        self.password_hash = None
        self.password_is_temporary = False
        self.claimed_at = None
        self.updated_at = at
        self.version += 1

    def recognise(self, *, at: datetime) -> None:
        """Its holder came by a provider that may speak for the address: it is proved, and the account is theirs."""
        self.email_verified_at = self.email_verified_at or at
        self.claimed_at = self.claimed_at or at
        self.updated_at = at
        self.version += 1

    def keep_password(self, password_hash: str) -> None:
        """Takes a better hash of the same password. Nobody changed anything, so the version stays."""
        self.password_hash = password_hash

    def has_another_password_than(self, earlier: "Account") -> bool:
        """Whether the password was changed since the account was read, and not only hashed anew."""
        return self.password_hash != earlier.password_hash and self.version != earlier.version


@dataclass(slots=True, kw_only=True)
class LoginSession:
    """One signed-in device of an account: 7 days since its last use, 90 in all.

    `last_used_at` is when it signed in or last refreshed its tokens; requests in between are not noted. At
    `authenticated_at` its holder last proved who they are, by signing in or stepping up.

    Its refresh tokens are numbered by `generation`; each is derived from `nonce` and the number, and only the newest
    works. `current_company_id` is where the device last worked, and goes on working after a refresh.

    At `general_at` it signed in by what opens the account as a whole; None if only the providers of `sso_company_ids`
    vouched for it: then it opens these companies alone. `second_factor_at` is when it proved a second factor.
    """

    id: UUID
    account_id: UUID
    nonce: bytes
    agent: str | None
    address: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    authenticated_at: datetime
    generation: int = 1
    replaced_at: datetime | None = None
    revoked_at: datetime | None = None
    current_company_id: UUID | None = None
    general_at: datetime | None = None
    second_factor_at: datetime | None = None
    sso_company_ids: tuple[UUID, ...] = ()

    @staticmethod
    def begin(
        *,
        id: UUID,
        account_id: UUID,
        nonce: bytes,
        agent: str | None,
        address: str | None,
        at: datetime,
        by_provider_of: UUID | None = None,
    ) -> "LoginSession":
        """Signs a device in: to the account as a whole, or `by_provider_of` one company, and then to that alone."""
        return LoginSession(
            id=id,
            account_id=account_id,
            nonce=nonce,
            agent="".join(filter(str.isprintable, agent or ""))[:500] or None,
            address=address,
            created_at=at,
            last_used_at=at,
            expires_at=at + IDLE,
            authenticated_at=at,
            general_at=at if by_provider_of is None else None,
            sso_company_ids=() if by_provider_of is None else (by_provider_of,),
        )

    def is_open(self, *, at: datetime) -> bool:
        """Whether the device is still signed in."""
        return self.revoked_at is None and at < self.expires_at

    def opens(self, company_id: UUID, *, sso_enforced: bool, breaks_glass: bool) -> bool:
        """Whether it began in a way that a company accepts. The statement that opens each request says the same."""
        by_own_provider = company_id in self.sso_company_ids
        if sso_enforced:
            return by_own_provider or (breaks_glass and self.general_at is not None)
        return by_own_provider or self.general_at is not None

    def reaches(self, other: "LoginSession") -> bool:
        """Whether it may show and end another of the same account: what one company's own provider began does not touch
        what began otherwise.
        """
        if self.general_at is not None:
            return True
        return other.general_at is None and set(other.sso_company_ids) <= set(self.sso_company_ids)

    @property
    def reach(self) -> tuple[UUID, ...] | None:
        """The companies whose own providers began what it reaches; None if that is everything."""
        return None if self.general_at is not None else self.sso_company_ids

    def join(self, earlier: "LoginSession") -> None:
        """Takes over what the same browser proved for the same account before.

        It then ends when the earlier one would have, at the latest: no proof lasts longer for being taken over. Nor
        does a company's own provider make an older proof of the account fresh.
        """
        of_account = self.general_at is None and earlier.general_at is not None
        of_companies = set(earlier.sso_company_ids) - set(self.sso_company_ids)
        if not of_account and not of_companies:
            return
        if of_account:
            self.general_at, self.second_factor_at = earlier.general_at, earlier.second_factor_at
            self.authenticated_at = earlier.authenticated_at
        self.sso_company_ids = tuple(sorted({*self.sso_company_ids, *earlier.sso_company_ids}))
        self.created_at = min(self.created_at, earlier.created_at)
        self.expires_at = min(self.expires_at, self.created_at + LONGEST)

    def is_repeat(self, generation: int, *, at: datetime) -> bool:
        """Whether a token is the one just replaced: two tabs refresh at once, or an answer was lost."""
        replaced = self.replaced_at
        return generation == self.generation - 1 and replaced is not None and at - replaced <= REPLAY_GRACE

    def rotate(self, *, at: datetime) -> None:
        """Replaces the newest refresh token by the next."""
        self.generation += 1
        self.replaced_at = at
        self.last_used_at = at
        self.expires_at = min(at + IDLE, self.created_at + LONGEST)

    def step_up(self, *, at: datetime, by_password: bool = False) -> None:
        """Notes that its holder proved who they are; the password is the account's, and opens all of it."""
        self.authenticated_at = at
        if by_password:
            self.general_at = self.general_at or at

    def revoke(self, *, at: datetime) -> None:
        """Signs the device out; access tokens of it stop working at once."""
        self.revoked_at = self.revoked_at or at


def check_password(password: str, *, name: str, email: str, pointer: str = "/password") -> None:
    """Raises PasswordTooWeak unless it has 12 to 128 characters, or 8 or more of three classes, is none of the common
    ones, and holds no part of four letters or more of the name or address.
    """
    if len(password) > LONGEST_PASSWORD:
        raise PasswordTooWeak(f"has more than {LONGEST_PASSWORD} characters", pointer=pointer)
    classes = sum(bool(re.search(kind, password)) for kind in (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^A-Za-z0-9]"))
    if len(password) < 8 or (len(password) < 12 and classes < 3):
        reason = "needs 12 characters, or 8 of three kinds: small letters, capitals, digits, signs"
        raise PasswordTooWeak(reason, pointer=pointer)
    lower = password.lower()
    if lower in COMMON:
        raise PasswordTooWeak("is among the most common passwords", pointer=pointer)
    # As they are written, and with their accents folded: both come to a guesser's mind.
    parts = {*re.findall(r"\w+", f"{name} {email}".casefold()), *plain_words(name), *plain_words(email)}
    folded = "".join(plain_words(password)).lower()
    for part in parts:
        if len(part) >= 4 and (part.lower() in lower or part.lower() in folded):
            raise PasswordTooWeak("must not hold your name or e-mail address", pointer=pointer)
