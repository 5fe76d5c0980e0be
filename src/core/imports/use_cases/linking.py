"""Tasks of some rows of a file become sub-tasks of others, once all are there: a file may name what comes later."""

from collections.abc import Sequence
from datetime import datetime

from core.imports.fields import Field
from core.imports.model import TaskImport
from core.imports.ports import ImportUnitOfWork
from core.imports.rows import Row
from core.imports.values import Draft, read
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

_NONE = "no task of the project has that external_id"


async def link(uow: ImportUnitOfWork, task_import: TaskImport, rows: Sequence[Row], *, at: datetime) -> None:
    """Puts what rows made below what they name. Raises ProjectNotFound and ProjectArchived."""
    known = len(task_import.faults)
    drafts = _read(task_import, rows)
    named = sorted({each for draft in drafts for each in (draft.external_id, draft.parent) if each is not None})
    if not named:
        return
    stand = await uow.imports.seen(task_import.id, named)
    begun = await uow.many_tasks.begin(
        task_import.project_id, for_user=uow.actor.user_id, labels=(), people=(), external_ids=named
    )
    if begun is None or not sees_project(uow.actor, is_member=begun.is_member):
        raise ProjectNotFound
    if not begun.project_is_active:
        raise ProjectArchived
    wanted: list[tuple[Draft, Task, Task]] = []
    # Of two rows that say the same task the first counts; what became of the others is told already.
    for draft in (each for each in drafts if stand.get(each.external_id or "") == each.row):
        task, parent = begun.tasks.get(draft.external_id or ""), begun.tasks.get(draft.parent or "")
        is_there = parent is not None or (task_import.dry_run and draft.parent in stand)
        if not is_there and (task is not None or task_import.dry_run):
            task_import.note(draft.fault(Field.PARENT, _NONE))
        elif task is not None and parent is not None and task.parent_id != parent.id:
            wanted.append((draft, task, parent))
    if wanted and not task_import.dry_run:
        await _put_below(uow, task_import, wanted, at=at)
    task_import.put_in_order(known)


def _read(task_import: TaskImport, rows: Sequence[Row]) -> list[Draft]:
    """What rows say of that alone; what is wrong with them is told already."""
    columns = [each for each in task_import.columns if each.field in (Field.EXTERNAL_ID, Field.PARENT)]
    found = (read(row.number, row.cells, columns, width=task_import.width) for row in rows)
    return [each for each in found if isinstance(each, Draft) and each.external_id and each.parent]


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
            task_import.note(draft.fault(Field.EXTERNAL_ID, "you may not edit the task that has it"))
        except (ParentWithin, ParentTooDeep) as refused:
            task_import.note(draft.fault(Field.PARENT, refused.faults[0].detail))
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
