from uuid import UUID

from core.activity.model import deed_of, task_of
from core.activity.read_models import ActivityView
from core.kernel.actor import Actor
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.realtime.policy import Audible
from core.tasks.policy import Visible
from core.tasks.ports import TaskRef
from tests.fakes.events import is_audible
from tests.fakes.paging import Key, page_of
from tests.fakes.store import Store
from tests.fakes.tables import CompanyTables, StoredEvent

BY_POSITION = Key(lambda event: event.seq)


class InMemoryActivityReader:
    """The log as people read it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(
        self, actor: Actor, *, audible: Audible, project_ids: tuple[UUID, ...], sort: Sort, page: PageRequest
    ) -> Answer[Page[ActivityView]]:
        tables = self._store.read(actor)
        told = [
            event for event in _told(tables, audible) if not project_ids or event.audience.project_id in project_ids
        ]
        return Answer(_page(tables, told, sort, page, audible), tables.last_seq)

    async def of_task(
        self, actor: Actor, ref: TaskRef, *, visible: Visible, audible: Audible, sort: Sort, page: PageRequest
    ) -> Answer[Page[ActivityView] | None]:
        tables = self._store.read(actor)
        task = tables.task(ref)
        if task is None or visible.member_id and (task.project_id, visible.member_id) not in tables.members:
            return Answer(None, tables.last_seq)
        told = [event for event in _told(tables, audible) if event.body.get("task_id") == str(task.id)]
        return Answer(_page(tables, told, sort, page, audible), tables.last_seq)


def _told(tables: CompanyTables, audible: Audible) -> list[StoredEvent]:
    return [
        event for event in tables.events if event.event != "notification_created" and is_audible(tables, event, audible)
    ]


def _page(
    tables: CompanyTables, told: list[StoredEvent], sort: Sort, page: PageRequest, audible: Audible
) -> Page[ActivityView]:
    found = page_of(told, page, key=BY_POSITION, sort=sort, id_of=lambda event: event.seq)
    return Page([_view(tables, event, audible) for event in found.items], found.next_position, found.total)


def _view(tables: CompanyTables, event: StoredEvent, audible: Audible) -> ActivityView:
    deed = deed_of(event.event, event.body)
    id = event.body.get("task_id")
    task = tables.task(UUID(str(id))) if id is not None else None
    if task is not None and not audible.everything and (task.project_id, audible.user_id) not in tables.members:
        task = None
    task_key, task_title = task_of(event.body, (task.key, task.title) if task is not None else (None, None))
    return ActivityView(
        seq=str(event.seq),
        user_id=event.actor_id,
        user_name=tables.name_of(event.actor_id),
        action=deed.action,
        entity=deed.entity,
        entity_id=deed.entity_id,
        task_key=task_key,
        task_title=task_title,
        project_id=event.audience.project_id,
        changes=deed.changes,
        timestamp=event.occurred_at,
    )
