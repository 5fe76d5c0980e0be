"""How each refusal about notifications comes about; `test_refusals` carries them out."""

from collections.abc import Awaitable
from typing import Any
from uuid import UUID

from core.kernel.actor import System
from core.kernel.errors import FieldReadOnly, Invalid, Stale
from core.kernel.once import InFlight, KeyReused
from core.notifications.errors import NotificationNotFound
from core.notifications.model import ByMail, Kind, PreferenceChanges
from core.notifications.use_cases.inbox import InboxUseCases
from tests.builders.office import Office
from tests.contracts.notifications import look
from tests.contracts.steps import a_key


async def of_mia(office: Office) -> UUID:
    """A notification that is hers."""
    await office.task(by=office.olga, assigned_to=office.mia.user_id)
    await office.telling.catch_up(System())
    return (await look(office.world, office.mia))[0].id


def add_to(refuses: Any) -> None:
    """Adds the scenarios."""

    @refuses(InboxUseCases.read, NotificationNotFound)
    async def _(office: Office) -> Awaitable[object]:
        return office.inbox.read(office.max, await of_mia(office))

    @refuses(InboxUseCases.read, KeyReused)
    async def _(office: Office) -> Awaitable[object]:
        id = await of_mia(office)
        await office.inbox.read(office.mia, id, once=a_key())
        return office.inbox.read(office.mia, id, once=a_key(digest=b"other"))

    @refuses(InboxUseCases.read, InFlight)
    async def _(office: Office) -> Awaitable[object]:
        id = await of_mia(office)
        await office.world.inbox_unit_of_work(office.mia, once=a_key()).__aenter__()
        return office.inbox.read(office.mia, id, once=a_key())

    @refuses(InboxUseCases.read_all, KeyReused)
    async def _(office: Office) -> Awaitable[object]:
        await office.inbox.read_all(office.mia, up_to=None, once=a_key())
        return office.inbox.read_all(office.mia, up_to=None, once=a_key(digest=b"other"))

    @refuses(InboxUseCases.read_all, InFlight)
    async def _(office: Office) -> Awaitable[object]:
        await office.world.inbox_unit_of_work(office.mia, once=a_key()).__aenter__()
        return office.inbox.read_all(office.mia, up_to=None, once=a_key())

    @refuses(InboxUseCases.change_preferences, Invalid)
    async def _(office: Office) -> Awaitable[object]:
        changes = PreferenceChanges(of={Kind.ASSIGNED: {"inbox": False, "mail": ByMail.DAILY}})
        return office.inbox.change_preferences(office.mia, changes)

    @refuses(InboxUseCases.change_preferences, FieldReadOnly)
    async def _(office: Office) -> Awaitable[object]:
        return office.inbox.change_preferences(office.mia, PreferenceChanges(unchanged={"created_at": None}))

    @refuses(InboxUseCases.change_preferences, Stale)
    async def _(office: Office) -> Awaitable[object]:
        return office.inbox.change_preferences(office.mia, PreferenceChanges(), expected=7)
