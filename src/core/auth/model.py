import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from core.auth.common_passwords import COMMON
from core.auth.errors import TotpEnabled, TotpNotBegun, TotpNotEnabled
from core.auth.letters import LINK_LIVES, Letter, LetterKind, Link, LinkPurpose
from core.kernel.limits import Limit
from core.kernel.slug import plain_words
from core.users.errors import PasswordTooWeak

IDLE = timedelta(days=7)
LONGEST = timedelta(days=90)
REPLAY_GRACE = timedelta(seconds=10)
ACCESS_LIFE = timedelta(minutes=30)
LONGEST_PASSWORD = 128
FAILURES = Limit(name="failures", most=5, seconds=15 * 60)
# From all networks together.
LASTING_FAILURES = Limit(name="lasting failures", most=100, seconds=60 * 60)
# Three of a million codes are good at any time: of 6,600 people who guess for a whole day, one will have guessed right.
CODE_FAILURES = Limit(name="code failures", most=50, seconds=24 * 60 * 60)
LOCKS = Limit(name="locks", most=1, seconds=15 * 60)
# Of what happens to nobody who is known, for each kind and each part of the network.
KEPT_OF_NOBODY = Limit(name="kept of nobody", most=1, seconds=60)
UNLOCKS = Limit(name="unlocks", most=5, seconds=60 * 60)
TICKET_LIFE = timedelta(minutes=5)


@dataclass(slots=True, kw_only=True)
class Account:
    """A login identity, global. `email` is in its canonical form, as `EmailAddresses` returns it.

    `claimed_at` is when its holder first proved to be the one: by registering, or by choosing a password of their own
    for an account that an admin made. `password_is_temporary`: an admin chose it, and it must be replaced.

    `totp_secret` is sealed, and shared with the holder's authenticator; it counts from `totp_enabled_at` on. Codes of
    the time step `totp_step` and of those before are used up. `recovery_digests` are those of the codes that stand in
    for an authenticator which is lost; of one that was used nothing is left but its place.
    `reset_id` and `verification_id` are the requests of a link by mail that alone are good; the latter is for
    `pending_email`, the address that is to take the place of the present one, if there is one.
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
    totp_secret: bytes | None = None
    totp_enabled_at: datetime | None = None
    totp_step: int = 0
    recovery_digests: tuple[bytes, ...] = ()
    reset_id: UUID | None = None
    reset_at: datetime | None = None
    verification_id: UUID | None = None
    verification_at: datetime | None = None
    pending_email: str | None = None
    version: int = 1

    @property
    def has_second_factor(self) -> bool:
        """Whether a password alone does not sign in."""
        return self.totp_enabled_at is not None

    def choose_password(self, password_hash: str, *, at: datetime) -> None:
        """Takes a password that the holder chose; whoever gave them a temporary one no longer knows it. Links that
        were asked for with the one before are good no more.
        """
        self.password_hash = password_hash
        self.password_is_temporary = False
        self.claimed_at = self.claimed_at or at
        self.reset_id = self.reset_at = None
        if self.pending_email is not None:
            self._expect_nothing()
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

    def propose_totp(self, secret: bytes, *, at: datetime) -> None:
        """Keeps a secret that does not count until a code of it was shown. Raises TotpEnabled."""
        if self.has_second_factor:
            raise TotpEnabled
        self.totp_secret, self.totp_step = secret, 0
        self.updated_at = at

    def proposed_totp(self) -> bytes:
        """The secret that waits for a code. Raises TotpEnabled, TotpNotBegun."""
        if self.has_second_factor:
            raise TotpEnabled
        if self.totp_secret is None:
            raise TotpNotBegun
        return self.totp_secret

    def enable_totp(self, recovery_digests: tuple[bytes, ...], *, at: datetime) -> None:
        """Has signing in take a code from now on."""
        self.totp_enabled_at = at
        self.renew_recovery_codes(recovery_digests, at=at)

    def ensure_second_factor(self) -> bytes:
        """The sealed secret that codes are made with. Raises TotpNotEnabled."""
        if self.totp_secret is None or not self.has_second_factor:
            raise TotpNotEnabled
        return self.totp_secret

    def disable_totp(self, *, at: datetime) -> None:
        """Has a password be enough again; the recovery codes go too."""
        self.totp_secret, self.totp_enabled_at, self.totp_step, self.recovery_digests = None, None, 0, ()
        self.updated_at = at
        self.version += 1

    def renew_recovery_codes(self, digests: tuple[bytes, ...], *, at: datetime) -> None:
        """Takes a new set in the place of the one before."""
        self.recovery_digests = digests
        self.updated_at = at
        self.version += 1

    def use_totp_step(self, step: int) -> bool:
        """Whether a code of that step is good: each is once, and none is that is older than one that was used."""
        if step <= self.totp_step:
            return False
        self.totp_step = step
        return True

    def use_recovery_code(self, place: int) -> None:
        """Forgets the recovery code at that place."""
        self.recovery_digests = (*self.recovery_digests[:place], b"", *self.recovery_digests[place + 1 :])

    def ask_reset(self, *, id: UUID, at: datetime) -> Letter:
        """Asks for a link that chooses another password. While one is good, that is sent again and no other made: a
        stranger who goes on asking must not keep the holder's from working, nor make it good for longer.
        """
        good = self.link(LinkPurpose.PASSWORD_RESET, at=at)
        if good is None:
            self.reset_id, self.reset_at = id, at
        return self.letter(LetterKind.PASSWORD_RESET, id=good.request_id if good else id, at=at)

    def ask_verification(self, *, id: UUID, at: datetime) -> Letter:
        """Asks for a link that proves the present address, or the one that is to take its place."""
        self.verification_id, self.verification_at = id, at
        if self.pending_email is None:
            return self.letter(LetterKind.EMAIL_VERIFICATION, id=id, at=at)
        return self.letter(LetterKind.EMAIL_CHANGE, id=id, at=at, to=self.pending_email)

    def ask_email_change(self, email: str, *, id: UUID, at: datetime) -> Letter | None:
        """Asks for another address, which is proved first. The present one again takes the wish back."""
        if email == self.email:
            if self.pending_email is not None:
                self._expect_nothing()
            return None
        self.pending_email = email
        return self.ask_verification(id=id, at=at)

    def link(self, purpose: LinkPurpose, *, at: datetime) -> Link | None:
        """The link for that purpose that is good now, if there is one."""
        if purpose is LinkPurpose.PASSWORD_RESET:
            asked, since, address = self.reset_id, self.reset_at, self.email
        elif purpose is LinkPurpose.EMAIL_CHANGE and self.pending_email is not None:
            asked, since, address = self.verification_id, self.verification_at, self.pending_email
        elif purpose is LinkPurpose.EMAIL_VERIFICATION and self.pending_email is None:
            asked, since, address = self.verification_id, self.verification_at, self.email
        else:
            return None
        if asked is None or since is None or at >= since + LINK_LIVES[purpose]:
            return None
        return Link(purpose=purpose, owner_id=self.id, request_id=asked, bound=address.encode())

    def verify_email(self, *, at: datetime) -> None:
        """Takes the address for proved that its holder has a link from; it is the pending one, if there is one."""
        self.email = self.pending_email or self.email
        self.email_verified_at = at
        self.reset_id = self.reset_at = None
        self._expect_nothing()
        self.updated_at = at
        self.version += 1

    def strip(self, *, at: datetime) -> None:
        """Takes away password, factor and what was asked for: whoever has them may not be who has the address."""
        self.password_hash = None
        self.password_is_temporary = False
        self.claimed_at = None
        self.totp_secret, self.totp_enabled_at, self.totp_step, self.recovery_digests = None, None, 0, ()
        self.reset_id = self.reset_at = None
        self._expect_nothing()
        self.updated_at = at
        self.version += 1

    def letter(self, kind: LetterKind, *, id: UUID, at: datetime, to: str | None = None) -> Letter:
        """A letter to the holder, at the present address unless another is named."""
        return Letter(id=id, kind=kind, account_id=self.id, to=to or self.email, at=at)

    def _expect_nothing(self) -> None:
        self.verification_id = self.verification_at = self.pending_email = None


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
        does it get fresh: neither a company's own provider proves the account anew, nor the password, or another
        company's provider, what the first one vouched for. So it counts as proved when the older of both was.
        """
        of_account = self.general_at is None and earlier.general_at is not None
        of_companies = set(earlier.sso_company_ids) - set(self.sso_company_ids)
        if not of_account and not of_companies:
            return
        if of_account:
            self.general_at, self.second_factor_at = earlier.general_at, earlier.second_factor_at
        self.authenticated_at = min(self.authenticated_at, earlier.authenticated_at)
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

    def prove_second_factor(self, *, at: datetime) -> None:
        """Notes that a code of the second factor was shown."""
        self.second_factor_at = at

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
