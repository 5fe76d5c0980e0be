from dataclasses import dataclass, replace
from typing import Generic
from uuid import UUID

from core.kernel import text
from core.kernel.actor import Actor, NotByToken, Role, reading
from core.kernel.audit import AuditType, Note
from core.kernel.errors import Fault, FieldReadOnly, Forbidden, Invalid, Stale, answers
from core.kernel.etags import ensure_current, ensure_unchanged
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.kernel.paging import Answer, CursorInvalid, Page, PageRequest, Sort
from core.kernel.ports import Clock, Ids
from core.kernel.step_up import StepUpRequired
from core.users import policy
from core.users.errors import (
    AccountShared,
    AlreadyUser,
    EmailInvalid,
    EmailTaken,
    LastOwner,
    NotJoined,
    PasswordTooWeak,
    UsernameTaken,
    UserNotFound,
)
from core.users.model import (
    Invitation,
    User,
    UserChanges,
    UserKind,
    UserStatus,
    batches,
    checked_username,
    usernames_from,
)
from core.users.ports import (
    EmailAddresses,
    InvitationTokens,
    LoadedUser,
    NewPasswords,
    OnEnded,
    OpenPeopleUnitOfWork,
    PeopleUnitOfWork,
    PeopleWork,
    UserFilter,
    UserReader,
)
from core.users.read_models import NewUserView, UserView


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """What an admin gives of a new user. A service has neither address nor password."""

    name: str
    kind: UserKind = UserKind.PERSON
    email: str | None = None
    username: str | None = None
    role: Role = Role.MEMBER
    password: str | None = None

    def __post_init__(self) -> None:
        # Bad values are refused before anything is looked up.
        text.name(self.name)
        if self.username is not None:
            checked_username(self.username)


class UserUseCases(Generic[PeopleWork]):
    """Bringing people and services into a company, changing them, and their leaving.

    `on_ended` is what other features do when somebody can act in the company no more.
    """

    def __init__(
        self,
        *,
        unit_of_work: OpenPeopleUnitOfWork[PeopleWork],
        reader: UserReader,
        addresses: EmailAddresses,
        passwords: NewPasswords,
        tokens: InvitationTokens,
        clock: Clock,
        ids: Ids,
        on_ended: OnEnded[PeopleWork],
    ) -> None:
        self._unit_of_work = unit_of_work
        self._reader = reader
        self._addresses = addresses
        self._passwords = passwords
        self._tokens = tokens
        self._clock = clock
        self._ids = ids
        self._on_ended = on_ended

    @reading
    @answers(Forbidden, CursorInvalid)
    async def list(self, actor: Actor, *, where: UserFilter, sort: Sort, page: PageRequest) -> Answer[Page[UserView]]:
        """The company's people and services. Owners and admins may; members find the people of their projects there."""
        if not actor.administers:
            # Whether that is still so, only the database knows.
            await self._reader.one(actor, actor.user_id)
        policy.authorise_administration(actor)
        return await self._reader.page(actor, where=where, sort=sort, page=page)

    @reading
    @answers(UserNotFound)
    async def get(self, actor: Actor, user_id: UUID) -> Answer[UserView]:
        """One user. Members see themselves, and the people of their projects without address and last login."""
        found, seq = await self._reader.one(actor, user_id)
        if found is None or not policy.sees_user(actor, user_id, shares_project=found[1]):
            raise UserNotFound
        view = found[0]
        return Answer(view if policy.sees_whole_user(actor, user_id) else view.for_colleagues(), seq)

    @answers(
        Forbidden, NotByToken, StepUpRequired, Invalid, EmailInvalid, PasswordTooWeak, AlreadyUser, UsernameTaken,
        KeyReused, InFlight,
    )  # fmt: skip
    async def create(self, actor: Actor, given: NewUser, *, once: Once | None = None) -> Answer[NewUserView]:
        """Makes somebody a user of the company, or makes a service user.

        Owners and admins may, for any role but member within ten minutes of proving who they are; only owners make
        owners. An unknown address gets an account: with the given password, which is temporary, or with the one that
        its holder chooses by the link. A known one has to accept by the link first, and a password given is ignored;
        the answer looks the same. The link is shown this once.
        """
        if given.password is not None:
            await self._ensure_administers(actor)
        email, password_hash = await self._checked(given)
        at, token = self._clock.now(), self._tokens.new()
        async with self._unit_of_work(actor, once=once) as uow:
            policy.authorise_role(uow.actor, given.role)
            policy.ensure_proved_for(uow.actor, given.role, at=at)
            if email is None:
                username = given.username or await self._free_username(uow, name=given.name, email="")
                user, created = User.join(
                    id=self._ids.new(),
                    account_id=None,
                    name=given.name,
                    email=None,
                    username=username,
                    role=given.role,
                    at=at,
                )
                uow.users.add(user)
                uow.record(created)
                seq = await uow.commit(made=Made(kind="user", id=user.id, version=1))
                return Answer(NewUserView(UserView.of(user, last_login_at=None)), seq)
            if await uow.users.by_address(email) is not None:
                raise AlreadyUser
            # Locked before the account is, as whoever accepts it does.
            await self._withdraw(uow, email, in_place_of=True)
            account = await uow.accounts.find_or_open(
                email, id=self._ids.new(), name=text.name(given.name), temporary_password_hash=password_hash, at=at
            )
            username = given.username or await self._free_username(uow, name=given.name, email=email)
            user, created = User.join(
                id=self._ids.new(),
                account_id=account.id,
                name=given.name,
                email=email,
                username=username,
                role=given.role,
                at=at,
                has_accepted=account.is_new and password_hash is not None,
            )
            uow.users.add(user)
            invitation = self._invite(uow, user, email, token)
            uow.record(created)
            seq = await uow.commit(made=Made(kind="user", id=user.id, version=1))
        view = UserView.of(user, last_login_at=None)
        return Answer(NewUserView(view, token=token, expires_at=invitation.expires_at), seq)

    @answers(
        UserNotFound,
        Forbidden,
        NotByToken,
        StepUpRequired,
        Stale,
        FieldReadOnly,
        Invalid,
        EmailInvalid,
        PasswordTooWeak,
        UsernameTaken,
        EmailTaken,
        AccountShared,
        NotJoined,
        LastOwner,
    )
    async def change(
        self,
        actor: Actor,
        user_id: UUID,
        changes: UserChanges,
        *,
        password: str | None = None,
        expected: int | None = None,
    ) -> Answer[UserView]:
        """Changes fields of a user.

        Everybody changes their own name and username. Owners and admins change everybody, but only owners make, unmake
        and change owners, and nobody becomes one who has not signed in with a password of their own choice. The
        account's address and password only while it belongs to no other company; such a password is temporary, signs
        all the person's devices out, and they are told by mail of both. Both, and making somebody an admin or owner,
        need a proof of the last ten minutes of who asks. Of whoever has not signed in here the address stays as it is,
        and a password for an account that was known before is ignored, as it is where users are made.
        """
        if changes.email is not None:
            changes = replace(changes, email=self._addresses.canonical(changes.email))
        password_hash = await self._hash_for(actor, user_id, changes, password) if password is not None else None
        at = self._clock.now()
        async with self._unit_of_work(actor) as uow:
            caller = await self._deciding(uow) if changes.given & {"role", "is_active"} else uow.actor
            user, last_login_at, _ = await self._load(uow, user_id)
            policy.authorise_change(caller, user, changes, with_password=password is not None)
            policy.ensure_proved(caller, user, changes, with_password=password is not None, at=at)
            present = UserView.of(user, last_login_at=last_login_at)
            ensure_current(expected, present)
            ensure_unchanged(changes.unchanged, present)
            await self._ensure_joined(uow, user, present.status, user.differing(changes), becomes=changes.role)
            owned, old_email = user.owns, user.email
            facts = user.change(changes, at=at)
            if user.email != old_email or password_hash is not None:
                await self._change_account(uow, user, old_email, password_hash, status=present.status)
            if facts:
                uow.users.save(user)
                uow.record(*facts)
                await self._settle(uow, user, owned=owned)
            seq = await uow.commit()
        return Answer(UserView.of(user, last_login_at=last_login_at), seq)

    @answers(UserNotFound, Forbidden, Stale, LastOwner)
    async def deactivate(self, actor: Actor, user_id: UUID, *, expected: int | None = None) -> int:
        """Ends a user's access to the company at once. Owners and admins may, owners alone for owners.

        History and assignments stay, and the user can be made active again.
        """
        async with self._unit_of_work(actor) as uow:
            caller = await self._deciding(uow)
            user, last_login_at, _ = await self._load(uow, user_id)
            policy.authorise_deactivation(caller, user)
            ensure_current(expected, UserView.of(user, last_login_at=last_login_at))
            owned = user.owns
            facts = user.change(UserChanges(given=frozenset({"is_active"}), is_active=False), at=self._clock.now())
            if facts:
                uow.users.save(user)
                uow.record(*facts)
                await self._settle(uow, user, owned=owned)
            return await uow.commit()

    @answers(LastOwner, KeyReused, InFlight)
    async def leave(self, actor: Actor, *, once: Once | None = None) -> int:
        """Ends the caller's own membership of the company they act in. The last owner cannot leave."""
        async with self._unit_of_work(actor, once=once) as uow:
            is_there = await uow.users.lock_ownership(uow.actor.user_id) is not None
            user, _, _ = await self._load(uow, uow.actor.user_id)
            if is_there:
                owned = user.owns
                left = user.leave(at=self._clock.now())
                uow.users.save(user)
                uow.record(left)
                await self._settle(uow, user, owned=owned)
            return await uow.commit(made=Made(kind="user", id=user.id, version=user.version))

    async def _ensure_administers(self, actor: Actor) -> None:
        """Hashing a password is work, so it is not done for just anybody. Raises Forbidden."""
        if not actor.administers:
            async with self._unit_of_work(actor) as uow:
                policy.authorise_administration(uow.actor)

    async def _checked(self, given: NewUser) -> tuple[str | None, str | None]:
        """The address in its canonical form, and the hash of the password. The hash is computed for known addresses
        too, so that the time tells nothing.
        """
        if given.kind is UserKind.SERVICE:
            for pointer, value in (("/email", given.email), ("/password", given.password)):
                if value is not None:
                    raise Invalid(faults=(Fault("a service user has none", pointer=pointer),))
            return None, None
        if given.email is None:
            raise Invalid(faults=(Fault("a person needs one", pointer="/email"),))
        email = self._addresses.canonical(given.email)
        if given.password is None:
            return email, None
        return email, await self._passwords(given.password, name=given.name, email=email)

    async def _hash_for(self, actor: Actor, user_id: UUID, changes: UserChanges, password: str) -> str:
        """The hash of a password for that user, computed between two transactions. Raises what changing them would."""
        async with self._unit_of_work(actor) as uow:
            user, _, _ = await self._load(uow, user_id)
            policy.authorise_change(uow.actor, user, changes, with_password=True)
            policy.ensure_proved(uow.actor, user, changes, with_password=True, at=self._clock.now())
        name = changes.name if "name" in changes.given else user.name
        email = changes.email if "email" in changes.given else user.email
        return await self._passwords(password, name=name, email=email or "")

    async def _deciding(self, uow: PeopleUnitOfWork) -> Actor:
        """The caller as of now, with nobody else deciding about owners meanwhile. Raises Forbidden."""
        role = await uow.users.lock_ownership(uow.actor.user_id)
        if role is None:
            raise Forbidden
        return replace(uow.actor, role=role)

    async def _ensure_joined(
        self, uow: PeopleUnitOfWork, user: User, status: UserStatus, differing: frozenset[str], *, becomes: Role
    ) -> None:
        """Whoever else knows the link or the temporary password must not end up as an owner. Raises NotJoined."""
        if user.account_id is None or not differing & {"email", "role"}:
            return
        becomes_owner = "role" in differing and becomes is Role.OWNER
        if status is UserStatus.INVITED and ("email" in differing or becomes_owner):
            raise NotJoined
        if becomes_owner and not (await uow.accounts.holding(user.account_id)).is_proved:
            raise NotJoined

    async def _load(self, uow: PeopleUnitOfWork, user_id: UUID) -> LoadedUser:
        loaded = await uow.users.load(user_id, for_user=uow.actor.user_id)
        if loaded is None or not policy.sees_user(uow.actor, user_id, shares_project=loaded.shares_project):
            raise UserNotFound
        return loaded

    async def _free_username(self, uow: PeopleUnitOfWork, *, name: str, email: str) -> str:
        for batch in batches(usernames_from(name=name, email=email)):
            free = await uow.users.free_username(batch)
            if free is not None:
                return free
        raise UsernameTaken

    def _invite(self, uow: PeopleUnitOfWork, user: User, email: str, token: str) -> Invitation:
        at = self._clock.now()
        invitation, created = Invitation.send(
            id=self._ids.new(),
            email=email,
            role=user.role,
            user_id=user.id,
            token_digest=self._tokens.digest(token),
            invited_by=uow.actor.user_id,
            at=at,
        )
        # The user it names has to be there first.
        uow.invitations.add(invitation)
        uow.record(created)
        return invitation

    async def _withdraw(self, uow: PeopleUnitOfWork, email: str | None, *, in_place_of: bool = False) -> None:
        """Takes the open invitation of an address back, if there is one. Raises Forbidden if something else comes
        `in_place_of` one that the caller could not have sent.
        """
        waiting = await uow.invitations.open_for(email) if email is not None else None
        if waiting is not None:
            if in_place_of:
                policy.authorise_role(uow.actor, waiting.role)
            uow.record(waiting.revoke(at=self._clock.now()))
            uow.invitations.save(waiting)

    async def _change_account(
        self,
        uow: PeopleUnitOfWork,
        user: User,
        old_email: str | None,
        password_hash: str | None,
        *,
        status: UserStatus,
    ) -> None:
        if user.account_id is None or user.email is None:
            pointer = "/password" if password_hash is not None else "/email"
            raise Invalid(faults=(Fault("a service user has none", pointer=pointer),))
        if user.email != old_email:
            await self._withdraw(uow, old_email)
            await self._withdraw(uow, user.email, in_place_of=True)
        held = await uow.accounts.holding(user.account_id)
        if status is UserStatus.INVITED and (held.is_shared or held.is_proved):
            return
        if held.is_shared:
            raise AccountShared
        at, letter = self._clock.now(), self._ids.new
        # While letters still go to the old address.
        if password_hash is not None:
            await uow.accounts.change_password(user.account_id, password_hash, letter_id=letter(), at=at)
            uow.note(Note(type=AuditType.PASSWORD_RESET, details={"user_id": user.id}))
        if user.email != old_email:
            await uow.accounts.change_address(user.account_id, user.email, letter_id=letter(), at=at)
            personal = {"old": old_email, "new": user.email}
            uow.note(Note(type=AuditType.EMAIL_CHANGED, details={"user_id": user.id}, personal=personal))

    async def _settle(self, uow: PeopleWork, user: User, *, owned: bool) -> None:
        """What a change of role or activity brings with it. Raises LastOwner."""
        if owned and not user.owns and not await uow.users.others_own(user.id):
            raise LastOwner
        if user.is_active:
            return
        at = self._clock.now()
        await self._on_ended(uow, user.id, at=at)
        if user.account_id is None or user.email is None:
            return
        await self._withdraw(uow, user.email)
        await uow.accounts.end_access(user.account_id, at=at)
