"""Who hears of which event: the same rule for every door."""

from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.errors import Forbidden
from core.kernel.events import Audience
from core.realtime.model import Audible


def audible_events(actor: Actor) -> Audible:
    """Owners and admins hear of everything but what is for named others alone; members of their projects."""
    return Audible(user_id=actor.user_id, everything=actor.administers)


def hears_of(actor: Actor, audience: Audience, *, is_member: bool) -> bool:
    """The same rule, asked of one event; `is_member`: the caller belongs to the event's project now."""
    return hears(audible_events(actor), audience, is_member=is_member)


def hears(audible: Audible, audience: Audience, *, is_member: bool) -> bool:
    """The same, where all that is known of a listener is what they may hear."""
    if audience.everyone or audible.user_id in audience.named:
        return True
    if audible.everything:
        return audience.admins
    return audience.project_id is not None and is_member


def authorise_doors(actor: Actor, user_id: UUID) -> None:
    """A user's doors are for that user alone. Raises Forbidden."""
    if actor.user_id != user_id:
        raise Forbidden
