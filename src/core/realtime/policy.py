"""Who hears of which event: the same rule for every door."""

from dataclasses import dataclass
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.events import Audience


@dataclass(frozen=True, slots=True, kw_only=True)
class Audible:
    """Which events a caller hears of: all that admins do if `everything`, else those of the projects that the user
    belongs to, and in either case those that are for everyone or name the user.
    """

    user_id: UUID
    everything: bool = False


def audible_events(actor: Actor) -> Audible:
    """Owners and admins hear of everything but what is for named others alone; members of their projects."""
    return Audible(user_id=actor.user_id, everything=actor.administers)


def hears_of(actor: Actor, audience: Audience, *, is_member: bool) -> bool:
    """The same rule, asked of one event; `is_member`: the caller belongs to the event's project now."""
    if audience.everyone or actor.user_id in audience.named:
        return True
    if actor.administers:
        return audience.admins
    return audience.project_id is not None and is_member
