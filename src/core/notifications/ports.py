from collections.abc import Callable
from datetime import date, datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from core.kernel.actor import Actor
from core.kernel.once import Once
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.kernel.ports import UnitOfWork
from core.notifications.model import Batch, DueTask, Notification, Preferences
from core.notifications.policy import Visible
from core.notifications.read_models import NotificationView, PreferencesView


class NotificationReader(Protocol):
    """What screens show of notifications. Each call is one round trip, and one snapshot."""

    async def page(
        self, actor: Actor, *, visible: Visible, unread: bool | None, sort: Sort, page: PageRequest
    ) -> Answer[Page[NotificationView]]:
        """The visible ones, all or those alone that were read, or were not."""
        ...

    async def preferences(self, actor: Actor) -> Answer[PreferencesView]:
        """Those of the caller."""
        ...


class Inbox(Protocol):
    """The notifications of the company that the unit of work was opened for."""

    async def holds(self, notification_id: UUID, *, of: UUID) -> bool:
        """Whether there is such a notification of that user."""
        ...

    def mark_read(self, notification_id: UUID, *, at: datetime) -> None:
        """Marks one as read; when it was read first stays."""
        ...

    def mark_all_read(self, *, of: UUID, up_to: int | None, at: datetime) -> None:
        """Marks all of a user as read, or those up to a position of the log."""
        ...

    async def preferences(self, *, of: UUID) -> Preferences:
        """What a user wants, to change it; nobody else changes it until the transaction ends."""
        ...

    def save_preferences(self, preferences: Preferences, *, was: int) -> None:
        """Writes what somebody wants, whose version was `was`."""
        ...


class InboxUnitOfWork(UnitOfWork, Protocol):
    @property
    def inbox(self) -> Inbox: ...


class OpenInboxUnitOfWork(Protocol):
    def __call__(self, actor: Actor, *, once: Once | None = None) -> InboxUnitOfWork: ...


class NotifiedLogs(Protocol):
    """Reads the companies' logs, each from where it was read up to, and keeps who is told what."""

    async def behind(self) -> list[UUID]:
        """The companies whose logs hold what may concern somebody, or went on for long."""
        ...

    async def advance(self, company_id: UUID, *, most: int, told: Callable[[Batch], list[Notification]]) -> bool:
        """Takes about so many causes of a company's log, whole transactions, and keeps what comes of them, with the
        facts of it, together with the new position: nobody is told twice. Whether there are more; also false where
        somebody else is at it, or where it fails for what is in the log: other companies go on all the same.
        """
        ...


class Calendar(NamedTuple):
    """A company, its time zone, and the last day whose deadlines were told; None where nobody began."""

    company_id: UUID
    zone: str
    told_on: date | None


class DeadlineDays(Protocol):
    """Finds the deadlines that are near, in all companies."""

    async def calendars(self) -> list[Calendar]: ...

    async def begin(self, company_id: UUID, *, day: date) -> None:
        """Takes that day's deadlines as told, unless somebody began before: a company begins with the next morning."""
        ...

    async def advance(
        self, company_id: UUID, *, day: date, most: int, told: Callable[[list[DueTask]], list[Notification]]
    ) -> bool:
        """Takes up to so many tasks with a deadline on that day or on the next, of which nobody was told on that day,
        and keeps what is told of them; once there are no more, the day was told. Whether there may be more; also false
        where somebody else is at it, or where it fails.
        """
        ...
