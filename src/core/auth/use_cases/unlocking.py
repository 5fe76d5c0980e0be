from uuid import UUID

from core.auth.errors import TooManyUnlocks
from core.auth.model import UNLOCKS
from core.auth.ports import Attempts
from core.auth.use_cases.guessing import Guessing, name_in
from core.kernel.actor import Actor
from core.kernel.audit import AuditType, Note
from core.kernel.errors import Forbidden, answers
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.users import policy
from core.users.errors import UserNotFound
from core.users.model import User
from core.users.ports import OpenPeopleUnitOfWork, PeopleUnitOfWork


class UnlockingUseCases:
    """Letting somebody try again who failed to sign in too often."""

    def __init__(
        self,
        *,
        unit_of_work: OpenPeopleUnitOfWork[PeopleUnitOfWork],
        attempts: Attempts,
        guessing: Guessing,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._attempts = attempts
        self._guessing = guessing

    @answers(UserNotFound, Forbidden, TooManyUnlocks, KeyReused, InFlight)
    async def unlock(self, actor: Actor, user_id: UUID, *, once: Once | None = None) -> int:
        """Forgets a person's failures to sign in with a password: by their address, by their username in this company,
        and in the browsers that they signed in with before. Owners and admins may, 5 times an hour for one person.

        Failures with a second factor are not forgotten: whoever tried codes knew the password.
        """
        async with self._unit_of_work(actor) as uow:
            user, caller = await self._load(uow, user_id), uow.actor
        # Or whoever administers a company could have the passwords guessed of those who work in others too.
        wait = await self._attempts.begin(f"unlocks of {user.account_id or user.id}", "anywhere", UNLOCKS)
        if wait:
            raise TooManyUnlocks(retry_after=wait)
        async with self._unit_of_work(actor, once=once) as uow:
            user = await self._load(uow, user_id)
            uow.note(Note(type=AuditType.UNLOCKED, details={"user_id": user.id}))
            seq = await uow.commit(made=Made(kind="user", id=user.id, version=user.version))
        names = [name_in(caller.company_id, user.username)]
        if user.email is not None:
            names.append(user.email)
        await self._guessing.unlock(names, user.account_id)
        return seq

    async def _load(self, uow: PeopleUnitOfWork, user_id: UUID) -> User:
        loaded = await uow.users.load(user_id, for_user=uow.actor.user_id)
        if loaded is None or not policy.sees_user(uow.actor, user_id, shares_project=loaded.shares_project):
            raise UserNotFound
        policy.authorise_administration(uow.actor)
        return loaded.user
