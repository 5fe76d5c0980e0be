from dataclasses import dataclass
from uuid import UUID

from core.kernel import text
from core.kernel.actor import Actor, reading
from core.kernel.errors import Fault, Forbidden, Invalid, answers
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.kernel.paging import Answer, CursorInvalid, Page, PageRequest, Sort
from core.kernel.ports import Clock, Ids
from core.kernel.step_up import StepUpRequired, ensure_code_shown, ensure_stepped_up
from core.tokens import policy
from core.tokens.errors import ApiTokenNotFound, HolderInactive, HolderIsPerson, TooManyTokens
from core.tokens.model import MOST_OF_ONE_USER, USUAL, ApiToken, ApiTokenStatus, Expiry, Scope
from core.tokens.ports import ApiTokenReader, ApiTokenTexts, ApiTokenUnitOfWork, OpenApiTokenUnitOfWork
from core.tokens.read_models import ApiTokenView, NewApiTokenView
from core.users import policy as users
from core.users.errors import UserNotFound
from core.users.model import User, UserKind
from core.users.ports import UserReader


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiToken:
    """What is said of a new token."""

    name: str
    scopes: tuple[Scope, ...]
    expires_at: Expiry = USUAL

    def __post_init__(self) -> None:
        # Bad values are refused before anything is looked up.
        text.name(self.name)
        if not self.scopes:
            raise Invalid(faults=(Fault("name one scope at least", pointer="/scopes"),))


class ApiTokenUseCases:
    """Making, listing and revoking tokens: one's own, and those of others, of whom only service users are given any."""

    def __init__(
        self,
        *,
        unit_of_work: OpenApiTokenUnitOfWork,
        reader: ApiTokenReader,
        user_reader: UserReader,
        texts: ApiTokenTexts,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._reader = reader
        self._user_reader = user_reader
        self._texts = texts
        self._clock = clock
        self._ids = ids

    @reading
    @answers(CursorInvalid)
    async def list(
        self, actor: Actor, *, status: tuple[ApiTokenStatus, ...], sort: Sort, page: PageRequest
    ) -> Answer[Page[ApiTokenView]]:
        """The caller's own API tokens in this company, without their secrets.

        `last_used_at` is right to about a minute. What was revoked or has expired is listed for 30 days.
        """
        at = self._clock.now()
        return await self._reader.page(actor, actor.user_id, status=status, at=at, sort=sort, page=page)

    @reading
    @answers(ApiTokenNotFound)
    async def get(self, actor: Actor, token_id: UUID) -> Answer[ApiTokenView]:
        """One of the caller's own API tokens, without its secret."""
        return await self._one(actor, token_id, user_id=actor.user_id)

    @answers(StepUpRequired, Invalid, TooManyTokens)
    async def create(self, actor: Actor, given: NewApiToken) -> Answer[NewApiTokenView]:
        """Makes an API token by which a program acts as the caller, in this company alone.

        It may do what both its scopes and the caller's present role allow; `write` grants `read`. `token` is shown this
        once. Without `expires_at` it works for 90 days, with it for 366 at most. Needs a fresh proof of who the caller
        is: by a code, if the account has a second factor. Whoever is deactivated, or leaves, loses their tokens for
        good.
        """
        async with self._unit_of_work(actor) as uow:
            await self._ensure_fresh(uow)
            caller = await uow.users.load(uow.actor.user_id, for_user=uow.actor.user_id)
            assert caller is not None, "the transaction was opened for that user"
            return await self._issue(uow, caller.user, given)

    @answers(ApiTokenNotFound)
    async def revoke(self, actor: Actor, token_id: UUID) -> int:
        """Revokes one of the caller's own API tokens, which stops working at once."""
        async with self._unit_of_work(actor) as uow:
            return await self._revoke(uow, token_id, user_id=uow.actor.user_id)

    @reading
    @answers(UserNotFound, Forbidden, CursorInvalid)
    async def list_of(
        self, actor: Actor, user_id: UUID, *, status: tuple[ApiTokenStatus, ...], sort: Sort, page: PageRequest
    ) -> Answer[Page[ApiTokenView]]:
        """The API tokens of a user. Owners and admins list those of all, members their own."""
        await self._authorise_look(actor, user_id)
        at = self._clock.now()
        return await self._reader.page(actor, user_id, status=status, at=at, sort=sort, page=page)

    @reading
    @answers(UserNotFound, Forbidden, ApiTokenNotFound)
    async def get_of(self, actor: Actor, user_id: UUID, token_id: UUID) -> Answer[ApiTokenView]:
        """One API token of a user, without its secret. Owners and admins see those of all, members their own."""
        await self._authorise_look(actor, user_id)
        return await self._one(actor, token_id, user_id=user_id)

    @answers(
        UserNotFound,
        Forbidden,
        HolderIsPerson,
        HolderInactive,
        StepUpRequired,
        Invalid,
        TooManyTokens,
        KeyReused,
        InFlight,
    )
    async def create_for(
        self, actor: Actor, user_id: UUID, given: NewApiToken, *, once: Once | None = None
    ) -> Answer[NewApiTokenView]:
        """Makes an API token for a service user. Owners and admins may; only owners for one who is an owner.

        `token` is shown this once. Without `expires_at` it works for 90 days, with it for 366 at most, with `null`
        until it is revoked. Needs a fresh proof of who the caller is: by a code, if their account has a second factor.
        """
        async with self._unit_of_work(actor, once=once) as uow:
            loaded = await uow.users.load(user_id, for_user=uow.actor.user_id)
            if loaded is None or not users.sees_user(uow.actor, user_id, shares_project=loaded.shares_project):
                raise UserNotFound
            policy.authorise_issue(uow.actor, loaded.user)
            await self._ensure_fresh(uow)
            return await self._issue(uow, loaded.user, given)

    @answers(UserNotFound, Forbidden, ApiTokenNotFound)
    async def revoke_of(self, actor: Actor, user_id: UUID, token_id: UUID) -> int:
        """Revokes an API token of a user, which stops working at once. Owners and admins revoke those of all, members
        their own.
        """
        async with self._unit_of_work(actor) as uow:
            loaded = await uow.users.load(user_id, for_user=uow.actor.user_id)
            if loaded is None or not users.sees_user(uow.actor, user_id, shares_project=loaded.shares_project):
                raise UserNotFound
            policy.authorise_look(uow.actor, user_id)
            return await self._revoke(uow, token_id, user_id=user_id)

    async def _ensure_fresh(self, uow: ApiTokenUnitOfWork) -> None:
        """Raises StepUpRequired as for what belongs to the account: a token outlives the session that makes it."""
        at = self._clock.now()
        ensure_stepped_up(uow.actor, at=at)
        factor = await uow.accounts.second_factor(uow.actor.signed_in.session_id)
        if factor.is_enabled:
            ensure_code_shown(factor.proved_at, at=at)

    async def _authorise_look(self, actor: Actor, user_id: UUID) -> None:
        found = (await self._user_reader.one(actor, user_id)).value
        if found is None or not users.sees_user(actor, user_id, shares_project=found[1]):
            raise UserNotFound
        policy.authorise_look(actor, user_id)

    async def _one(self, actor: Actor, token_id: UUID, *, user_id: UUID) -> Answer[ApiTokenView]:
        token, seq = await self._reader.one(actor, token_id, at=self._clock.now())
        if token is None or token.user_id != user_id:
            raise ApiTokenNotFound
        return Answer(token, seq)

    async def _issue(self, uow: ApiTokenUnitOfWork, holder: User, given: NewApiToken) -> Answer[NewApiTokenView]:
        at, secret = self._clock.now(), self._texts.new()
        # The holder is locked, so nobody else makes one more meanwhile.
        if len(await uow.api_tokens.active_of(holder.id, at=at)) >= MOST_OF_ONE_USER:
            raise TooManyTokens
        token, created = ApiToken.issue(
            id=self._ids.new(),
            user_id=holder.id,
            is_service=holder.kind is UserKind.SERVICE,
            name=given.name,
            scopes=given.scopes,
            expires_at=given.expires_at,
            digest=secret.digest,
            hint=secret.hint,
            by=uow.actor.user_id,
            at=at,
        )
        uow.api_tokens.add(token)
        uow.record(created)
        seq = await uow.commit(made=Made(kind="api_token", id=token.id, version=1))
        return Answer(NewApiTokenView(ApiTokenView.of(token, at=at), secret=secret.text), seq)

    async def _revoke(self, uow: ApiTokenUnitOfWork, token_id: UUID, *, user_id: UUID) -> int:
        token = await uow.api_tokens.load(token_id)
        if token is None or token.user_id != user_id:
            raise ApiTokenNotFound
        at = self._clock.now()
        if token.status(at=at) is ApiTokenStatus.ACTIVE:
            revoked = token.revoke(at=at)
            uow.api_tokens.save(token)
            uow.record(revoked)
        return await uow.commit()
