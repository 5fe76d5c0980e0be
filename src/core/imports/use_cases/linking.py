"""Tasks of some rows of a file become sub-tasks of others, once all are there: a file may name what comes later."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from core.imports import names
from core.imports.fields import Field
from core.imports.model import TaskImport
from core.imports.names import Stand
from core.imports.ports import Beginning, ImportUnitOfWork
from core.imports.rows import Row
from core.imports.values import Draft, RowFault, own_id, read
from core.kernel.actor import Actor
from core.kernel.errors import Forbidden
from core.kernel.events import Fact
from core.projects.errors import ProjectArchived, ProjectNotFound
from core.projects.policy import sees_project
from core.tasks import policy
from core.tasks.batches import Kin
from core.tasks.changes import TaskChanges
from core.tasks.errors import ParentTooDeep, ParentWithin
from core.tasks.model import Task
from core.tasks.use_cases.family import Family
from core.tasks.use_cases.journal import Journal

_FIELDS: Final = {Field.ID, Field.EXTERNAL_ID, Field.PARENT, Field.PARENT_TITLE}
_NONE = "no task of the project has that id or external_id"
_NO_TITLE = "no row of the file that was taken has that title"
_GONE = "its task is gone already; it was not put below another"
_SEVERAL_TITLES = "several rows of the file have that title"


async def link(uow: ImportUnitOfWork, task_import: TaskImport, rows: Sequence[Row], *, at: datetime) -> None:
    """Puts what rows made below what they name. Raises ProjectNotFound and ProjectArchived."""
    known = len(task_import.faults)
    drafts = _read(task_import, rows)
    if not drafts:
        return
    called = {name for draft in drafts for name in (names.by_row(draft.row), *names.of_parents(draft))}
    stand = await uow.imports.seen(task_import.id, sorted(called))
    # Of two rows that say the same task the first counts; what became of the others is told already.
    taken = [(draft, own) for draft in drafts if (own := _task_in(stand, names.by_row(draft.row))) is not None]
    words = {form for draft, _ in taken for word in draft.parents for form in names.forms(word)}
    ids = {found for name in called if (found := _task_in(stand, name)) is not None}
    begun = await uow.many_tasks.begin(
        task_import.project_id,
        for_user=uow.actor.user_id,
        labels=(),
        people=(),
        external_ids=sorted(words),
        ids=sorted({*ids, *(found for word in words if (found := own_id(word)))}),
    )
    if begun is None or not sees_project(uow.actor, is_member=begun.is_member):
        raise ProjectNotFound
    if not begun.project_is_active:
        raise ProjectArchived
    wanted: list[tuple[Draft, Task, Task]] = []
    for draft, own in taken:
        parent_id = _parent(draft, stand, begun)
        task, parent = begun.by_id.get(own), begun.by_id.get(parent_id) if parent_id is not None else None
        if task is None and not task_import.dry_run:
            task_import.note(draft.fault(None, _GONE))
        elif parent_id is None or (parent is None and not task_import.dry_run):
            task_import.note(_fault(draft, stand))
        elif task is not None and parent is not None and task.parent_id != parent.id:
            wanted.append((draft, task, parent))
    if wanted and not task_import.dry_run:
        await _put_below(uow, task_import, wanted, at=at)
    task_import.put_in_order(known)


def _read(task_import: TaskImport, rows: Sequence[Row]) -> list[Draft]:
    """What rows say of that alone; what is wrong with them is told already."""
    columns = [each for each in task_import.columns if each.field in _FIELDS]
    found = (read(row.number, row.cells, columns, width=task_import.width) for row in rows)
    return [each for each in found if isinstance(each, Draft) and each.has_parent]


def _task_in(stand: Mapping[str, Stand], name: str) -> UUID | None:
    found = stand.get(name)
    return found.task_id if found is not None else None


def _parent(draft: Draft, stand: Mapping[str, Stand], begun: Beginning) -> UUID | None:
    """Which task a row means: that of another row before any that the project has."""
    for word in draft.parents:
        for name in names.of_parent(word):
            if (found := _task_in(stand, name)) is not None:
                return found
        own = own_id(word)
        called = next((begun.tasks[form] for form in names.forms(word) if form in begun.tasks), None)
        task = called or (begun.by_id.get(own) if own is not None else None)
        if task is not None:
            return task.id
    return _task_in(stand, names.by_title(draft.parent_title)) if draft.parent_title is not None else None


def _fault(draft: Draft, stand: Mapping[str, Stand]) -> RowFault:
    if draft.parent_title is None:
        return draft.fault(Field.PARENT, _NONE)
    found = stand.get(names.by_title(draft.parent_title))
    are_several = found is not None and found.row == names.SEVERAL
    return draft.fault(Field.PARENT_TITLE, _SEVERAL_TITLES if are_several else _NO_TITLE)


async def _put_below(
    uow: ImportUnitOfWork,
    task_import: TaskImport,
    wanted: Sequence[tuple[Draft, Task, Task]],
    *,
    at: datetime,
) -> None:
    kin = await uow.many_tasks.kin(
        parents=[parent.id for _, _, parent in wanted], tasks=[task.id for _, task, _ in wanted]
    )
    family = Family({each.id: each for each in kin}, Journal())
    saved: list[tuple[Task, int]] = []
    facts: list[Fact] = []
    for draft, task, parent in wanted:
        was = task.version
        try:
            updated = _placed(uow.actor, task, parent, family, at=at)
        except Forbidden:
            task_import.note(draft.fault(draft.naming, "you may not edit the task that has it"))
        except (ParentWithin, ParentTooDeep) as refused:
            field = Field.PARENT if draft.parents else Field.PARENT_TITLE
            task_import.note(draft.fault(field, refused.faults[0].detail))
        else:
            saved.append((task, was))
            facts.append(updated)
            task_import.linked += 1
    if saved:
        uow.many_tasks.save(saved)
        uow.record(*facts)


def _placed(actor: Actor, task: Task, parent: Task, family: Family, *, at: datetime) -> Fact:
    """Raises Forbidden, ParentWithin and ParentTooDeep."""
    policy.authorise_edit(actor, task)
    lineage = family.lineage(parent.id, task.project_id, task.id)
    assert lineage is not None
    lineage.ensure_fits()
    updated = task.change(TaskChanges(given=frozenset({"parent_id"}), parent_id=parent.id), at=at)
    assert updated is not None
    family.put(Kin(task.id, task.project_id, parent.id), lives=True)
    return updated
