from uuid import UUID

from core.kernel.actor import Actor, reading
from core.kernel.errors import FieldReadOnly, Invalid, Stale, answers
from core.kernel.etags import ensure_current, ensure_unchanged
from core.kernel.once import InFlight, KeyReused, Made, Once
from core.kernel.paging import Answer, CursorInvalid, Page, PageRequest, Sort
from core.kernel.ports import Clock
from core.notifications import policy
from core.notifications.errors import NotificationNotFound
from core.notifications.model import PreferenceChanges
from core.notifications.ports import NotificationReader, OpenInboxUnitOfWork
from core.notifications.read_models import NotificationView, PreferencesView


class InboxUseCases:
    """Reading what one is told, and saying what one wants to be told of. It is the caller's own affair: no event tells
    that they read something, or want to hear less.
    """

    def __init__(self, *, unit_of_work: OpenInboxUnitOfWork, reader: NotificationReader, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._reader = reader
        self._clock = clock

    @reading
    @answers(CursorInvalid)
    async def list(
        self, actor: Actor, *, unread: bool | None, sort: Sort, page: PageRequest
    ) -> Answer[Page[NotificationView]]:
        """The caller's own notifications: with `unread=true` those alone that they did not read, with `false` those
        that they did. Names and titles are as they are now; what tells of a task or project that the caller may not see
        any more, or that was deleted, is left out, and of a comment that was deleted the text. What was read 90 days
        ago is gone, and what nobody read for a year.

        Within seconds of what happened, whoever it concerns is told: to whom a task was given; whom a comment mentions;
        who watches a task that somebody commented on; who was added to a project; and who has an unfinished task, at 9
        in the morning of the company's time zone the day before its deadline and on the day. Nobody is told of what
        they did themselves, and service users of nothing: programs hear of it by webhooks and events. Of several tasks
        that were given to somebody at once, by a batch or a part of an import, one notification tells: `task_count` is
        how many they are, and no task is named.
        """
        visible = policy.visible_notifications(actor)
        return await self._reader.page(actor, visible=visible, unread=unread, sort=sort, page=page)

    @answers(NotificationNotFound, KeyReused, InFlight)
    async def read(self, actor: Actor, notification_id: UUID, *, once: Once | None = None) -> int:
        """Marks a notification of the caller as read. It may be said again."""
        async with self._unit_of_work(actor, once=once) as uow:
            if not await uow.inbox.holds(notification_id, of=actor.user_id):
                raise NotificationNotFound
            uow.inbox.mark_read(notification_id, at=self._clock.now())
            return await uow.commit(made=Made(kind="notification", id=notification_id, version=1))

    @answers(KeyReused, InFlight)
    async def read_all(self, actor: Actor, *, up_to: int | None, once: Once | None = None) -> int:
        """Marks all notifications of the caller as read; with `up_to` those alone that there were at that position of
        the log, such as the `X-Event-Seq` of the list that was looked at: what came since stays unread.
        """
        async with self._unit_of_work(actor, once=once) as uow:
            user_id = actor.user_id
            uow.inbox.mark_all_read(of=user_id, up_to=up_to, at=self._clock.now())
            return await uow.commit(made=Made(kind="inbox", id=user_id, version=1))

    @reading
    @answers()
    async def preferences(self, actor: Actor) -> Answer[PreferencesView]:
        """What the caller wants to be told of, kind by kind. At first all comes into the inbox, nothing is mailed."""
        return await self._reader.preferences(actor)

    @answers(Invalid, FieldReadOnly, Stale)
    async def change_preferences(
        self, actor: Actor, changes: PreferenceChanges, *, expected: int | None = None
    ) -> Answer[PreferencesView]:
        """Changes what the caller wants to be told of from now on. What does not come into the inbox (`inbox: false`)
        is not mailed either. What is mailed (`mail: "daily"`) comes once a day, at 9 in the morning of the company's
        time zone, as far as it was not read until then, to a confirmed address.
        """
        async with self._unit_of_work(actor) as uow:
            preferences = await uow.inbox.preferences(of=actor.user_id)
            view = PreferencesView.of(preferences)
            ensure_current(expected, view)
            ensure_unchanged(changes.unchanged, view)
            was = preferences.version
            if preferences.change(changes, at=self._clock.now()):
                uow.inbox.save_preferences(preferences, was=was)
            seq = await uow.commit()
        return Answer(PreferencesView.of(preferences), seq)
