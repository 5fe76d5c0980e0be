from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from core.audit.model import Flaw, Head


class AuditEventView(NamedTuple):
    """An audit event as admins see it. `actor_name` is the actor's present name, None of whoever was not signed in.

    `number` is its place in the company's chain, None for the moment until it has one. Of an event with `erased_at`,
    address, agent and personal texts are gone for good.
    """

    id: UUID
    type: str
    at: datetime
    actor_id: UUID | None
    actor_name: str | None
    via: str
    session_id: UUID | None
    token_id: UUID | None
    request_id: str | None
    address: str | None
    agent: str | None
    details: dict[str, object]
    personal: dict[str, object] | None
    number: int | None
    erased_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was found of one chain: `company_id` None is the installation's own. `waiting` events are not in it yet; of
    the first `unproved` ones the key was lost.
    """

    company_id: UUID | None
    company_code: str | None
    head: Head
    waiting: int
    unproved: int
    flaw: Flaw | None
