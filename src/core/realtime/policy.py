"""Who hears of which event: the same rule for every door."""

from collections.abc import Callable, Collection
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
    return hearing(audience, members={actor.user_id} if is_member else ())(audible_events(actor))


def hearing(audience: Audience, *, members: Collection[UUID]) -> Callable[[Audible], bool]:
    """The same, to be asked of many listeners; `members`: those of them who belong to the event's project now."""
    if audience.everyone:
        return lambda _: True
    admins, of_project = audience.admins, frozenset(members) if audience.project_id is not None else frozenset[UUID]()
    named = frozenset(audience.named)

    def hears(audible: Audible) -> bool:
        return (admins if audible.everything else audible.user_id in of_project) or audible.user_id in named

    return hears


def authorise_doors(actor: Actor, user_id: UUID) -> None:
    """A user's doors are for that user alone. Raises Forbidden."""
    if actor.user_id != user_id:
        raise Forbidden
