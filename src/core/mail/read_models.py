"""What is read before a message is written, and what became of the messages."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from core.auth.letters import Letter
from core.auth.model import Account
from core.mail.model import Delivery
from core.notifications.model import Kind
from core.users.model import Invitation
from core.webhooks.model import DisabledReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """An `invitation_created` of a company's log, and the invitation as it is now; None if that is gone.

    `inviter_id` is the account of who sent it, or the service user.
    """

    seq: int
    invitation: Invitation | None
    inviter_name: str | None
    inviter_id: UUID | None = None


class Recipient(NamedTuple):
    """Somebody with a confirmed address."""

    account_id: UUID
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchedOff:
    """A `webhook_disabled` of a company's log. `to` are its owners and admins; nobody, if the webhook is switched on
    again, or gone. Of its address there is the origin alone.
    """

    at: datetime
    webhook_id: UUID
    description: str
    url: str
    reason: DisabledReason
    failing_since: datetime
    last_status: int | None
    last_error: str | None
    to: tuple[Recipient, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyPost:
    """What is to be mailed of a company's log, ours alone `until` then. `position` is up to where it is read with this.

    `behind` are positions before it whose messages no server took yet.
    """

    company_id: UUID
    company_name: str
    position: int
    behind: tuple[int, ...]
    invited: tuple[Invited, ...]
    until: datetime
    switched_off: tuple[SwitchedOff, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPost:
    """The letters that wait for an account's holder, ours alone `until` then."""

    account: Account
    letters: tuple[Letter, ...]
    until: datetime


class Morning(NamedTuple):
    """A company in which somebody gets a daily mail, and the last day on which all of them got it; None: not yet."""

    company_id: UUID
    zone: str
    mailed_on: date | None


class DigestLine(NamedTuple):
    """One notification as a mail tells it, of what its recipient may see."""

    kind: Kind
    actor_name: str | None
    project_name: str | None
    task_key: str | None
    task_title: str | None
    task_count: int
    deadline: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestPost:
    """What one user did not read of what they want to be mailed, newest first, ours alone `until` then; `more` are
    those for which there is no room. `to` is None if they have no confirmed address, or are no active user any more.
    """

    company_id: UUID
    company_name: str
    user_id: UUID
    to: str | None
    day: date
    lines: tuple[DigestLine, ...]
    more: int
    up_to: int
    until: datetime


@dataclass(slots=True, kw_only=True)
class Posted:
    """How many messages were taken, have to wait, were refused for good, or were of no use any more. `is_away`: the
    server takes none at the moment, so that the rest was left. `unwritable` are the ids of what no message can be made
    of; it counts as refused.
    """

    sent: int = 0
    later: int = 0
    refused: int = 0
    outdated: int = 0
    is_away: bool = False
    unwritable: list[str] = field(default_factory=list)

    def count(self, delivery: Delivery) -> None:
        """Counts what became of a message."""
        self.sent += delivery is Delivery.SENT
        self.later += delivery is Delivery.LATER
        self.refused += delivery is Delivery.REFUSED
        self.is_away = self.is_away or delivery is Delivery.AWAY
