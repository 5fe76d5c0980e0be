from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from core.kernel.actor import Actor, reading
from core.kernel.audit import AuditType, Note
from core.kernel.errors import answers
from core.kernel.paging import Answer, Page, PageRequest, Sort
from core.tasks import policy
from core.tasks.ports import OpenTaskUnitOfWork, TaskFilter, TaskReader
from core.tasks.read_models import TaskView

# How many tasks are read at once, to begin with and then: as many as do not hold much more text together than that, in
# bytes, for what is held of an export is one page.
_FIRST: Final = 100
_USUAL: Final = 1_000
_MOST_TEXT: Final = 1_000_000

# So many names of columns and cycles are known at most, so that it is no more memory for longer exports.
_MOST_NAMES: Final = 5_000


class Taken(NamedTuple):
    """A page of tasks, and what the columns and cycles that they stand in are called, if it was asked for."""

    tasks: Sequence[TaskView]
    names: Mapping[UUID, str]


Pages = Callable[[], AsyncIterator[Taken]]


class ExportUseCases:
    """Taking all tasks away that fit some filters."""

    def __init__(self, *, unit_of_work: OpenTaskUnitOfWork, reader: TaskReader) -> None:
        self._unit_of_work = unit_of_work
        self._reader = reader

    @answers()
    async def export(
        self, actor: Actor, *, where: TaskFilter, sort: Sort, form: str, named: bool = False
    ) -> Answer[Pages]:
        """All tasks that fit the filters, streamed. Whom a list shows which tasks, an export gives the same ones; it is
        noted that they took them.

        Each page is read when the one before was sent, as things stand then. A task that is there all the time and
        keeps its place in the order comes exactly once; sorted by what changes meanwhile, it may be missed, or come
        twice. `X-Event-Seq` is the position at the beginning: whoever goes on with the events after it misses nothing.
        """
        first = await self._page(actor, where, sort, PageRequest(limit=_FIRST, most_text=_MOST_TEXT))
        async with self._unit_of_work(actor) as uow:
            uow.note(Note(type=AuditType.EXPORT_MADE, details={"of": "tasks", "form": form}))
            await uow.commit()

        async def pages() -> AsyncIterator[Taken]:
            page, names = first.value, dict[UUID, str]()
            while True:
                if named:
                    names = await self._names(actor, page.items, names)
                yield Taken(page.items, names)
                if page.next_position is None:
                    return
                request = PageRequest(limit=_USUAL, position=page.next_position, most_text=_MOST_TEXT)
                page = (await self._page(actor, where, sort, request)).value

        return Answer(pages, first.seq)

    @reading
    async def _names(self, actor: Actor, tasks: Sequence[TaskView], known: dict[UUID, str]) -> dict[UUID, str]:
        columns = {task.column_id for task in tasks} - known.keys()
        cycles = {task.cycle_id for task in tasks if task.cycle_id is not None} - known.keys()
        if not columns | cycles:
            return known
        if len(known) > _MOST_NAMES:
            return await self._names(actor, tasks, {})
        return known | await self._reader.place_names(actor, columns=sorted(columns), cycles=sorted(cycles))

    @reading
    async def _page(self, actor: Actor, where: TaskFilter, sort: Sort, page: PageRequest) -> Answer[Page[TaskView]]:
        visible = policy.listed_tasks(actor, names_container=where.names_container)
        return await self._reader.page(actor, visible=visible, where=where, sort=sort, page=page)
