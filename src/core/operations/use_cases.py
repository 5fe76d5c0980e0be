from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from core.auth.errors import TotpNotEnabled
from core.auth.model import Account
from core.auth.ports import Passwords
from core.companies.model import Company
from core.kernel import text
from core.kernel.actor import NOWHERE, Role, System
from core.kernel.audit import AuditType, Note
from core.kernel.errors import Invalid, answers
from core.kernel.ports import Clock, Ids
from core.operations.errors import AccountNotFound, CompanyUnknown, HolderUnknown, TokenUnknown
from core.operations.model import Cutoffs
from core.operations.ports import OperatorUnitOfWork, Remains, TokenOperatorUnitOfWork
from core.operations.read_models import CompanyLine, CompanyOpened, Purged, TokenLine, TokenMade
from core.tokens.errors import HolderInactive, HolderIsPerson
from core.tokens.model import ApiToken, ApiTokenStatus, Expiry, Scope
from core.tokens.policy import ensure_may_hold
from core.tokens.ports import ApiTokenTexts
from core.tokens.read_models import ApiTokenView
from core.users.errors import EmailInvalid, EmailTaken
from core.users.model import User, username_from
from core.users.ports import EmailAddresses


class PurgeUseCases:
    """Removing for good what can no longer be restored."""

    def __init__(self, *, remains: Remains, clock: Clock, events_kept: timedelta | None = None) -> None:
        self._remains = remains
        self._clock = clock
        self._events_kept = events_kept

    @answers()
    async def purge(self, _: System) -> Purged | None:
        """Removes what was deleted or has ended more than 30 days ago, Idempotency-Keys after 24 hours, and of the log
        what is older than it is to be kept, if that is not for ever.

        None if another process is purging at this moment.
        """
        return await self._remains.purge(Cutoffs.at(self._clock.now(), events_kept=self._events_kept))


class OperatorUseCases:
    """What only the installation's operator does, who needs no account."""

    def __init__(
        self,
        *,
        unit_of_work: Callable[[], OperatorUnitOfWork],
        passwords: Passwords,
        addresses: EmailAddresses,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._passwords = passwords
        self._addresses = addresses
        self._clock = clock
        self._ids = ids

    @answers(EmailInvalid, EmailTaken, Invalid)
    async def create_company(
        self, _: System, *, name: str, owner: str, owner_name: str | None, temporary_password: str
    ) -> CompanyOpened:
        """Opens a company for somebody, whoever may register here.

        The owner's address gets an account with the temporary password, unless it has one. An account whose address
        nobody has proved may be anybody's, also if it works in another company, since whoever registers opens one: it
        is stripped of password, devices, tokens and factors, and gets the temporary password. One whose address was
        proved keeps what it has.
        """
        email = self._addresses.canonical(owner)
        person = text.name(owner_name or username_from(name="", email=email))
        password_hash = await self._passwords.hash(temporary_password)
        at = self._clock.now()
        async with self._unit_of_work() as uow:
            known = await uow.account_by_email(email)
            account = await self._locked(uow, known.id) if known is not None else None
            if account is None:
                account = Account(
                    id=self._ids.new(),
                    email=email,
                    name=person,
                    password_hash=password_hash,
                    password_is_temporary=True,
                    created_at=at,
                    updated_at=at,
                )
                await uow.add_account(account)
                is_new = True
            else:
                is_new = account.email_verified_at is None
                if is_new:
                    account.strip(at=at)
                    await uow.save_account(account)
                    await uow.strip(account.id, at=at)
                    await uow.set_temporary_password(account.id, password_hash=password_hash, at=at)
                    await uow.note(Note(type=AuditType.PASSWORD_RESET), account_id=account.id, origin=NOWHERE, at=at)
            company = Company.found(id=self._ids.new(), name=name, contact_email=email, at=at)
            user, user_created = User.join(
                id=self._ids.new(),
                account_id=account.id,
                name=owner_name or account.name,
                email=email,
                username=username_from(name=account.name, email=email),
                role=Role.OWNER,
                at=at,
            )
            await uow.open_company(company, user, lambda: (company.founded(by=user.id), user_created), at=at)
            await uow.commit()
        return CompanyOpened(id=company.id, code=company.code, email=email, password_is_new=is_new)

    async def _locked(self, uow: OperatorUnitOfWork, account_id: UUID) -> Account | None:
        """The account, with its users locked before it, as whoever changes both does."""
        await uow.users_of(account_id)
        return await uow.account(account_id)

    @answers()
    async def companies(self, _: System) -> tuple[CompanyLine, ...]:
        """All companies of the installation, those that wait to be erased too."""
        async with self._unit_of_work() as uow:
            return await uow.companies()

    @answers(AccountNotFound, EmailInvalid)
    async def reset_password(self, _: System, email: str, *, temporary_password: str) -> str:
        """Gives an account a temporary password, signs all its devices out, and ends its own API tokens in every
        company; answers its address.
        """
        address = self._addresses.canonical(email)
        password_hash = await self._passwords.hash(temporary_password)
        at = self._clock.now()
        async with self._unit_of_work() as uow:
            account = await uow.account_by_email(address)
            if account is None:
                raise AccountNotFound
            await uow.users_of(account.id)
            await uow.set_temporary_password(account.id, password_hash=password_hash, at=at)
            await uow.revoke_sessions(account.id, at=at)
            await uow.end_tokens(account.id, at=at)
            await uow.note(Note(type=AuditType.PASSWORD_RESET), account_id=account.id, origin=NOWHERE, at=at)
            await uow.commit()
        return account.email

    @answers(AccountNotFound, EmailInvalid, TotpNotEnabled)
    async def reset_factor(self, _: System, email: str) -> str:
        """Takes the second factor of an account away, for somebody who lost it and the recovery codes as well, and
        signs all its devices out; answers its address. The password stays what it is.
        """
        address, at = self._addresses.canonical(email), self._clock.now()
        async with self._unit_of_work() as uow:
            known = await uow.account_by_email(address)
            account = await uow.account(known.id) if known is not None else None
            if account is None:
                raise AccountNotFound
            account.ensure_second_factor()
            account.disable_totp(at=at)
            await uow.save_account(account)
            await uow.revoke_sessions(account.id, at=at)
            await uow.note(Note(type=AuditType.TOTP_DISABLED), account_id=account.id, origin=NOWHERE, at=at)
            await uow.commit()
        return account.email


class TokenOperatorUseCases:
    """What the operator does about API tokens, whoever their holders are."""

    def __init__(
        self, *, unit_of_work: Callable[[], TokenOperatorUnitOfWork], texts: ApiTokenTexts, clock: Clock, ids: Ids
    ) -> None:
        self._unit_of_work = unit_of_work
        self._texts = texts
        self._clock = clock
        self._ids = ids

    @answers(HolderUnknown, HolderIsPerson, HolderInactive, Invalid)
    async def create(
        self, _: System, *, company: str, username: str, name: str, scopes: tuple[Scope, ...], expires_at: Expiry
    ) -> TokenMade:
        """Makes an API token for a service user; people make their own."""
        at, secret = self._clock.now(), self._texts.new()
        async with self._unit_of_work() as uow:
            found = await uow.holder(company=company, username=username)
            if found is None:
                raise HolderUnknown
            company_id, holder = found
            ensure_may_hold(holder)
            token, created = ApiToken.issue(
                id=self._ids.new(),
                user_id=holder.id,
                is_service=True,
                name=name,
                scopes=scopes,
                expires_at=expires_at,
                digest=secret.digest,
                hint=secret.hint,
                by=None,
                at=at,
            )
            await uow.add(company_id, token, created, at=at)
            await uow.commit()
        return TokenMade(secret=secret.text, token=ApiTokenView.of(token, at=at))

    @answers(CompanyUnknown)
    async def tokens(self, _: System, *, company: str) -> tuple[TokenLine, ...]:
        """All API tokens of a company, of people and services, also those that are over."""
        async with self._unit_of_work() as uow:
            found = await uow.tokens(company=company, at=self._clock.now())
        if found is None:
            raise CompanyUnknown
        return found

    @answers(TokenUnknown)
    async def revoke(self, _: System, token_id: UUID) -> ApiTokenView:
        """Revokes an API token of whomever; it stops working at once."""
        at = self._clock.now()
        async with self._unit_of_work() as uow:
            found = await uow.token(token_id)
            if found is None:
                raise TokenUnknown
            company_id, token = found
            if token.status(at=at) is ApiTokenStatus.ACTIVE:
                await uow.save(company_id, token, token.revoke(at=at), at=at)
                await uow.commit()
        return ApiTokenView.of(token, at=at)
