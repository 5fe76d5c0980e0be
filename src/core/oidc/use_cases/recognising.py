"""Who somebody is here, whom a provider says to be somebody there."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from core.auth.model import Account
from core.kernel.actor import Origin, Role
from core.kernel.audit import AuditType, Note
from core.kernel.errors import ChangedMeanwhile
from core.kernel.events import Fact
from core.kernel.ports import Ids
from core.kernel.text import NAME_LENGTH
from core.oidc.errors import LoginRefused
from core.oidc.model import ExternalIdentity, OidcConnection
from core.oidc.ports import CompanyConnection, LinkingUnitOfWork, ProviderClient
from core.oidc.read_models import Claimed
from core.users.errors import EmailInvalid, EmailTaken
from core.users.model import Invitation, User, UserChanges, batches, usernames_from
from core.users.policy import may_still_bring_in
from core.users.ports import EmailAddresses


class Way(NamedTuple):
    """By which way somebody comes: a company's connection, or a provider of the installation. It vouches for addresses
    of `domains` alone, or of all where that is None.
    """

    client: ProviderClient
    company: CompanyConnection | None
    domains: frozenset[str] | None

    @property
    def company_id(self) -> UUID | None:
        return self.company.company_id if self.company is not None else None

    @property
    def role_claim(self) -> str | None:
        return self.company.connection.chosen.role_claim if self.company is not None else None


class Recognition:
    """One recognition, within one transaction.

    Whoever was linked before is known by issuer and subject, whatever else is claimed. Anybody else is known by their
    address, if the provider says that it is verified and the way may speak for its domain.
    """

    def __init__(
        self,
        uow: LinkingUnitOfWork,
        way: Way,
        claimed: Claimed,
        *,
        ids: Ids,
        addresses: EmailAddresses,
        origin: Origin,
        at: datetime,
    ) -> None:
        self._uow = uow
        self._way = way
        self._claimed = claimed
        self._ids = ids
        self._addresses = addresses
        self._origin = origin
        self._at = at

    async def account(self) -> Account:
        """The account, with its place in the company whose connection it is. Raises LoginRefused."""
        email = self._vouched()
        account_id = await self._uow.account_of(self._claimed.issuer, self._claimed.subject)
        is_linked = account_id is not None
        if account_id is None:
            if isinstance(email, LoginRefused):
                raise email
            known = await self._uow.account_by_email(email)
            account_id = known.id if known is not None else None
        # The user is locked before the account and its sessions, as whoever changes or deactivates them does.
        company, user = self._way.company, None
        if company is not None and account_id is not None:
            user = await self._uow.user_of(account_id, company.company_id)
        account = await self._uow.account(account_id) if account_id is not None else None
        if is_linked and account is None:
            raise ChangedMeanwhile
        offer = await self._admissible(company, user, account, email) if company is not None else None
        stripped = False
        if account is None:
            assert isinstance(email, str)
            account = await self._opened(email)
        elif not is_linked:
            if account.email != email:
                raise ChangedMeanwhile
            stripped = await self._stripped(account)
        if company is not None:
            await self._place(company, user, account, offer)
        if not is_linked:
            await self._link(account, stripped=stripped)
        return account

    async def _stripped(self, account: Account) -> bool:
        """Takes an account whose address nobody proved from whoever opened it: that may be anybody."""
        if account.email_verified_at is not None:
            return False
        account.strip(at=self._at)
        await self._uow.strip(account.id, at=self._at, origin=self._origin)
        account.recognise(at=self._at)
        await self._uow.save_account(account)
        return True

    def _vouched(self) -> str | LoginRefused:
        """The address that the provider may speak for, or why there is none."""
        if self._claimed.email is None:
            return LoginRefused("no_email", "The provider names no e-mail address.")
        if not self._claimed.email_verified:
            return LoginRefused("email_unverified", "The provider does not say that the e-mail address is verified.")
        try:
            email = self._addresses.canonical(self._claimed.email)
        except EmailInvalid:
            return LoginRefused("email_invalid", "What the provider names is no e-mail address.")
        domains = self._way.domains
        if domains is not None and email.partition("@")[2] not in domains:
            return LoginRefused("domain_unproved", "The provider may not speak for addresses of that domain.")
        return email

    async def _admissible(
        self, company: CompanyConnection, user: User | None, account: Account | None, email: str | LoginRefused
    ) -> Invitation | None:
        """The invitation that lets somebody new in, if there is one. Raises LoginRefused for who may not come in."""
        if user is not None and not user.is_active:
            raise LoginRefused("deactivated", "The user is not active in that company.")
        if user is not None and user.role is Role.OWNER and not company.connection.admits_owners:
            raise LoginRefused("owner", "An owner must change the connection before owners sign in through it.")
        if user is not None and user.accepted_at is not None:
            return None
        # Whoever comes in anew does so by their address, also if the provider knew them before.
        if isinstance(email, LoginRefused):
            raise email
        if account is not None and account.email != email:
            raise LoginRefused("another_address", "The account has another address than the provider names.")
        offer = await self._uow.offer_to(email, company.company_id)
        if offer is not None and offer.invitation.is_open(at=self._at):
            role = offer.user.role if offer.user is not None else offer.invitation.role
            if may_still_bring_in(offer.inviter, role) and (role is not Role.OWNER or company.connection.admits_owners):
                return offer.invitation
        if user is None and not company.connection.chosen.jit_provisioning:
            raise LoginRefused("not_provisioned", "Nobody with that address is a user of the company, nor invited.")
        return None

    async def _opened(self, email: str) -> Account:
        """A new account. A provider of the whole installation opens none: whose company would it be?"""
        if self._way.company is None:
            raise LoginRefused("no_account", "There is no account with that address.")
        account = Account(
            id=self._ids.new(),
            email=email,
            name=self._name(email),
            password_hash=None,
            email_verified_at=self._at,
            claimed_at=self._at,
            created_at=self._at,
            updated_at=self._at,
        )
        try:
            await self._uow.add_account(account)
        except EmailTaken as opened_meanwhile:
            raise ChangedMeanwhile from opened_meanwhile
        return account

    def _name(self, email: str) -> str:
        said = " ".join("".join(filter(str.isprintable, self._claimed.name or "")).split())
        return said[:NAME_LENGTH].strip() or email.partition("@")[0]

    async def _place(
        self, company: CompanyConnection, user: User | None, account: Account, invitation: Invitation | None
    ) -> None:
        """Makes the account a user of the company, or brings their role up to what the provider says."""
        facts: list[Fact] = []
        connection, is_new = company.connection, user is None
        if user is None:
            invited = invitation.role if invitation is not None else None
            user, created = User.join(
                id=self._ids.new(),
                account_id=account.id,
                name=self._name(account.email),
                email=account.email,
                username=await self._free_username(company.company_id, account),
                role=invited or connection.role_for(self._claimed.roles),
                at=self._at,
            )
            facts.append(created)
        was_invited = user.accepted_at is None
        if was_invited:
            facts.extend(user.accept(name=None, username=None, at=self._at))
        facts.extend(self._role_changed(connection, user))
        if invitation is not None:
            facts.append(invitation.accept(user_id=user.id, at=self._at))
        if was_invited or facts:
            await self._uow.admit(
                company.company_id,
                user,
                facts,
                invitation=invitation,
                is_new=is_new,
                origin=self._origin,
                at=self._at,
            )

    def _role_changed(self, connection: OidcConnection, user: User) -> tuple[Fact, ...]:
        """Owners are made and unmade by owners alone."""
        if not connection.decides_roles or user.role is Role.OWNER:
            return ()
        role = connection.role_for(self._claimed.roles)
        return user.change(UserChanges(given=frozenset({"role"}), role=role), at=self._at)

    async def _free_username(self, company_id: UUID, account: Account) -> str:
        for candidates in batches(usernames_from(name=account.name, email=account.email)):
            free = await self._uow.free_username(company_id, candidates)
            if free is not None:
                return free
        raise ChangedMeanwhile

    async def _link(self, account: Account, *, stripped: bool) -> None:
        await self._uow.link(
            ExternalIdentity(
                issuer=self._claimed.issuer,
                subject=self._claimed.subject,
                account_id=account.id,
                created_at=self._at,
            )
        )
        await self._uow.note(
            # Every company of the account is told, and none of them where it was.
            Note(type=AuditType.OIDC_LINKED, details={"stripped": stripped}),
            account_id=account.id,
            origin=self._origin,
            at=self._at,
        )
