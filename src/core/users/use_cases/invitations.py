from uuid import UUID

from core.kernel.actor import Actor, NotByToken, Role, reading
from core.kernel.errors import Forbidden, answers
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.kernel.paging import Answer, CursorInvalid, Page, PageRequest, Sort
from core.kernel.ports import Clock, Ids
from core.kernel.step_up import StepUpRequired
from core.users import policy
from core.users.errors import AlreadyUser, EmailInvalid, InvitationNotFound
from core.users.model import Invitation, InvitationStatus, UserChanges
from core.users.ports import (
    EmailAddresses,
    InvitationTokens,
    LoadedUser,
    OpenPeopleUnitOfWork,
    PeopleUnitOfWork,
    UserReader,
)
from core.users.read_models import InvitationView, NewInvitationView


class InvitationUseCases:
    """Inviting people into a company by a link. Accepting is signing in, and so is found there (auth)."""

    def __init__(
        self,
        *,
        unit_of_work: OpenPeopleUnitOfWork[PeopleUnitOfWork],
        reader: UserReader,
        addresses: EmailAddresses,
        tokens: InvitationTokens,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._reader = reader
        self._addresses = addresses
        self._tokens = tokens
        self._clock = clock
        self._ids = ids

    @reading
    @answers(Forbidden, CursorInvalid)
    async def list(
        self, actor: Actor, *, status: tuple[InvitationStatus, ...], sort: Sort, page: PageRequest
    ) -> Answer[Page[InvitationView]]:
        """The company's invitations. Owners and admins may."""
        if not actor.administers:
            # Whether that is still so, only the database knows.
            await self._reader.one(actor, actor.user_id)
        policy.authorise_administration(actor)
        return await self._reader.invitations(actor, status=status, at=self._clock.now(), sort=sort, page=page)

    @reading
    @answers(InvitationNotFound)
    async def get(self, actor: Actor, invitation_id: UUID) -> Answer[NewInvitationView]:
        """One invitation, without the secret of its link. Owners and admins may."""
        invitation, seq = await self._reader.invitation(actor, invitation_id, at=self._clock.now())
        if invitation is None or not policy.sees_invitations(actor):
            raise InvitationNotFound
        return Answer(NewInvitationView(invitation), seq)

    @answers(Forbidden, NotByToken, StepUpRequired, EmailInvalid, AlreadyUser, KeyReused, InFlight)
    async def send(
        self, actor: Actor, *, email: str, role: Role, once: Once | None = None
    ) -> Answer[NewInvitationView]:
        """Invites an address, for 7 days and one use. Owners and admins may, for any role but member within ten
        minutes of proving who they are; only owners invite owners.

        The link's secret is shown this once. An earlier invitation of the same address is taken back; a user who has
        not accepted yet is asked again, in the given role.
        """
        email = self._addresses.canonical(email)
        at, token = self._clock.now(), self._tokens.new()
        async with self._unit_of_work(actor, once=once) as uow:
            policy.authorise_role(uow.actor, role)
            policy.ensure_proved_for(uow.actor, role, at=at)
            known = await uow.users.by_address(email)
            user = known.user if known is not None else None
            if known is not None:
                self._ask_again(uow, known, role)
            earlier = await uow.invitations.open_for(email)
            if earlier is not None:
                policy.authorise_role(uow.actor, earlier.role)
                uow.record(earlier.revoke(at=at))
                uow.invitations.save(earlier)
            invitation, created = Invitation.send(
                id=self._ids.new(),
                email=email,
                role=role,
                user_id=user.id if user is not None else None,
                token_digest=self._tokens.digest(token),
                invited_by=actor.user_id,
                at=at,
            )
            uow.invitations.add(invitation)
            uow.record(created)
            seq = await uow.commit(made=Made(kind="invitation", id=invitation.id, version=1))
        return Answer(NewInvitationView(InvitationView.of(invitation, at=at), token=token), seq)

    def _ask_again(self, uow: PeopleUnitOfWork, known: LoadedUser, role: Role) -> None:
        user, last_login_at, _ = known
        # By what admins see of users: that somebody's account was known before shows nowhere.
        if not user.is_active or (user.accepted_at is not None and last_login_at is not None):
            raise AlreadyUser
        changes = UserChanges(given=frozenset({"role"}), role=role)
        policy.authorise_change(uow.actor, user, changes, with_password=False)
        facts = user.change(changes, at=self._clock.now())
        if facts:
            uow.users.save(user)
            uow.record(*facts)

    @answers(InvitationNotFound, Forbidden, NotByToken)
    async def revoke(self, actor: Actor, invitation_id: UUID) -> int:
        """Takes an invitation back that was not accepted yet. Owners and admins may; only owners those of owners."""
        at = self._clock.now()
        async with self._unit_of_work(actor) as uow:
            invitation = await uow.invitations.load(invitation_id)
            if invitation is None or not policy.sees_invitations(uow.actor) or not invitation.is_open(at=at):
                raise InvitationNotFound
            policy.authorise_role(uow.actor, invitation.role)
            uow.record(invitation.revoke(at=at))
            uow.invitations.save(invitation)
            return await uow.commit()
