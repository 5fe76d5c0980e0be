"""Who may do what with the users of a company: pure functions over what was loaded."""

from datetime import datetime
from uuid import UUID

from core.kernel.actor import Actor, NotByToken, Role
from core.kernel.errors import Forbidden
from core.kernel.step_up import ensure_stepped_up
from core.users.model import User, UserChanges


def authorise_administration(actor: Actor) -> None:
    """Owners and admins list users and invitations."""
    if not actor.administers:
        raise Forbidden


def sees_invitations(actor: Actor) -> bool:
    """Owners and admins see the company's invitations."""
    return actor.administers


def sees_user(actor: Actor, user_id: UUID, *, shares_project: bool) -> bool:
    """Owners and admins see everybody; members themselves and the people of their projects."""
    return actor.administers or shares_project or actor.user_id == user_id


def sees_whole_user(actor: Actor, user_id: UUID) -> bool:
    """Owners, admins and the user see more than name, username and role."""
    return actor.administers or actor.user_id == user_id


def authorise_role(actor: Actor, role: Role) -> None:
    """Admins bring people in; only owners bring in owners. An API token brings in members alone: whoever holds it would
    otherwise have made themselves an admin, who needs no scopes. Raises Forbidden, NotByToken.
    """
    if actor.token_id is not None and role is not Role.MEMBER:
        raise NotByToken
    if not actor.administers or (role is Role.OWNER and actor.role is not Role.OWNER):
        raise Forbidden


def may_still_bring_in(inviter: Role | None, role: Role) -> bool:
    """Whether an invitation is good: its sender may still give that role. None stands for who is gone."""
    return inviter is Role.OWNER or (inviter is Role.ADMIN and role is not Role.OWNER)


def authorise_change(actor: Actor, user: User, changes: UserChanges, *, with_password: bool) -> None:
    """Everybody changes their own name and username. Admins change everybody but owners; owners change everybody, and
    only they make and unmake owners. Nobody changes their own address or password here, and no API token anybody's, nor
    their role, nor makes an admin active again. Raises Forbidden, NotByToken.
    """
    differing = user.differing(changes)
    own = user.id == actor.user_id
    if actor.token_id is not None and (with_password or differing & {"email", "role"} or _empowers(user, changes)):
        raise NotByToken
    if own and (with_password or "email" in differing):
        raise Forbidden("Your own address and password are changed below /auth.")
    if own and differing <= {"name", "username"}:
        return
    if not actor.administers:
        raise Forbidden
    touches_owner = user.role is Role.OWNER or ("role" in differing and changes.role is Role.OWNER)
    if touches_owner and actor.role is not Role.OWNER:
        raise Forbidden


def ensure_proved(actor: Actor, user: User, changes: UserChanges, *, with_password: bool, at: datetime) -> None:
    """Whoever gives somebody another way into their account, or has them administer the company, proves first who they
    are, since a stolen session would come back by it. Raises StepUpRequired.
    """
    if with_password or "email" in user.differing(changes) or _empowers(user, changes):
        ensure_stepped_up(actor, at=at)


def ensure_proved_for(actor: Actor, role: Role, *, at: datetime) -> None:
    """The same, of whoever brings somebody new in. Raises StepUpRequired."""
    if role is not Role.MEMBER:
        ensure_stepped_up(actor, at=at)


def _empowers(user: User, changes: UserChanges) -> bool:
    """Whether somebody administers the company afterwards who did not before, or by another role."""
    differing = user.differing(changes)
    role = changes.role if "role" in differing else user.role
    return role is not Role.MEMBER and ("role" in differing or ("is_active" in differing and changes.is_active))


def authorise_deactivation(actor: Actor, user: User) -> None:
    """Admins deactivate everybody but owners; owners everybody."""
    if not actor.administers or (user.role is Role.OWNER and actor.role is not Role.OWNER):
        raise Forbidden
