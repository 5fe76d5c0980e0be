"""Files become tasks over the in-memory adapters: what is counted and told, and how far a step goes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from core.imports.model import ROWS_AT_ONCE, ROWS_READ_AT_ONCE
from core.imports.use_cases.asking import ImportUseCases, Received
from core.imports.use_cases.reading import TaskImportWork
from core.jobs.model import Job, JobRef
from core.kernel.actor import Actor, System
from core.kernel.errors import DatabaseAway
from core.kernel.once import Made, Once
from core.labels.model import MOST, Label
from core.tasks.fields import Status
from tests.builders.office import Office
from tests.fakes.imports import InMemoryImportUnitOfWork


@pytest.fixture
async def office() -> Office:
    return await Office.open()


async def received(office: Office, content: bytes, **given: Any) -> Received:
    async def pieces() -> AsyncIterator[bytes]:
        yield content

    fields = {"project_id": office.web.id, "mapping": None, "dry_run": False, **given}
    return await office.imports.receive(office.mia, content=pieces(), **fields)


async def carried_out(office: Office, content: bytes, **given: Any) -> Job:
    job, _ = await office.imports.ask(office.mia, await received(office, content, **given))
    await office.job_runs.run(System(), JobRef(office.mia.company_id, job.id))
    return office.stored.jobs[job.id]


def fill_labels(office: Office, count: int) -> None:
    for number in range(count):
        label, _ = Label.create(
            id=office.world.ids.new(),
            name=f"l{number}",
            color=None,
            count=0,
            by=office.mia.user_id,
            at=office.clock.now(),
        )
        office.stored.labels[label.id] = label


class AnswerLost(InMemoryImportUnitOfWork):
    """Commits what makes a job, and nobody hears of it."""

    async def commit(self, *, made: Made | None = None) -> int:
        seq = await super().commit(made=made)
        if made is not None:
            raise DatabaseAway
        return seq


async def test_the_file_of_a_job_that_was_made_unheard_stays(office: Office) -> None:
    def open_unit(actor: Actor, *, once: Once | None = None) -> AnswerLost:
        return AnswerLost(office.world.store, actor, once=once)

    content = await received(office, b"title\na\n")
    imports = ImportUseCases(unit_of_work=open_unit, queue=office.wakes, clock=office.clock, ids=office.world.ids)
    with pytest.raises(DatabaseAway):
        await imports.ask(office.mia, content)
    await office.job_runs.run(System(), JobRef(office.mia.company_id, content.import_id))
    result = office.stored.jobs[content.import_id].result
    assert result is not None and result["created"] == 1


async def test_a_label_that_a_refused_row_would_have_made_is_not_told_of(office: Office) -> None:
    fill_labels(office, MOST - 1)
    before = office.head
    job = await carried_out(office, b'title,labels\na,"new,more"\nb,other\n')
    assert job.result is not None
    assert (job.result["created"], job.result["skipped"], job.result["labels"]) == (1, 1, ["other"])
    told = [(event.event, event.body.get("name")) for event in office.stored.events if event.seq > before]
    assert told == [("label_created", "other"), ("task_created", None)]


@pytest.mark.parametrize(
    ("mapping", "labels"),
    [(None, ("a", "b;c")), ("FlowTrack", ("a", "b;c")), ("title:title,labels:labels", ("a", "b", "c"))],
)
async def test_labels_of_what_the_product_exports_are_separated_by_commas_alone(
    office: Office, mapping: str | None, labels: tuple[str, ...]
) -> None:
    job = await carried_out(office, b'title,labels\nDraw,"a,b;c"\n', mapping=mapping)
    assert job.result is not None and tuple(job.result["labels"]) == labels


async def steps_of(
    office: Office, content: bytes, meanwhile: Callable[[], Awaitable[object]] | None = None
) -> tuple[int, Job]:
    """In how many steps a file is read, and the job that did it; what happens before the last of three."""
    job, _ = await office.imports.ask(office.mia, await received(office, content))
    ref, run = JobRef(office.mia.company_id, job.id), office.world.ids.new()
    claimed = await office.world.job_runs.claim(ref, run=run, at=office.clock.now())
    asker = claimed.asker(ref.company_id) if claimed is not None else None
    assert asker is not None
    work = TaskImportWork(unit_of_work=office.world.import_unit_of_work, clock=office.clock, ids=office.world.ids)
    count = 1
    while not await work.step(asker, job.id, run=run):
        count += 1
        if meanwhile is not None and count == 3:
            await meanwhile()
    return count, office.stored.jobs[job.id]


@pytest.mark.parametrize(
    ("rows", "steps"),
    [
        (b"a\n" * 3, 2),
        (b"\n" * (3 * ROWS_READ_AT_ONCE), 6),
        (b"\n" * (ROWS_READ_AT_ONCE - 3) + b"a\n" * 4, 4),
        (b"\na\n" * (ROWS_AT_ONCE + 1), 3),
        (b"\n" * (2 * ROWS_READ_AT_ONCE + 5) + b"a\n", 6),
    ],
)
async def test_a_step_reads_so_many_rows_and_blank_ones_are_not_written(
    office: Office, rows: bytes, steps: int
) -> None:
    count, job = await steps_of(office, b"title\n" + rows)
    total, tasks = rows.count(b"\n"), rows.count(b"a")
    assert job.result is not None
    assert (job.done, job.total, job.result["rows"], job.result["skipped"]) == (total, total, total, total - tasks)
    assert job.result["created"] == tasks
    assert count == steps


async def test_parents_are_found_however_their_ids_are_written(office: Office) -> None:
    there, own = "A0B1C2D3-0000-4000-8000-00000000000A", await office.task("Own")
    await carried_out(office, f"title,external_id\nThere,{there}\n".encode())
    within, small = "A0B1C2D3-0000-4000-8000-00000000000B", "a0b1c2d3-0000-4000-8000-00000000000c"
    content = (
        f"title,external_id,id,parent\na,,,{within}\nWithin,{within},,\nb,,,{there}\nc,,,{str(own.id).upper()}\n"
        f"Small,,{small.upper()},\nd,,,{small.upper()}\n"
    )
    job = await carried_out(office, content.encode())
    assert job.result is not None and (job.result["errors"], job.result["linked"]) == ([], 4)
    tasks = {task.title: task for task in office.stored.tasks.values()}
    titles = {task.id: task.title for task in tasks.values()}
    above = {title: titles[task.parent_id] for title, task in tasks.items() if task.parent_id is not None}
    assert above == {"a": "Within", "b": "There", "c": "Own", "d": "Small"}
    again = await carried_out(office, f"title,parent\ne,{small.upper()}\nf,{small}\n".encode())
    assert again.result is not None and again.result["linked"] == 2


async def edited(office: Office, row: str) -> tuple[str, int]:
    """In which status the one task stands once that row was imported twice, and how often that changed it."""
    changed = 0
    for _ in range(2):
        job = await carried_out(office, f"id,title,status,column_id,column\n{row}\n".encode())
        assert job.result is not None and not job.result["errors"]
        changed += job.result["updated"]
    (task,) = office.stored.tasks.values()
    return task.status.value, changed


@pytest.mark.parametrize(
    ("status", "named", "becomes"),
    [
        ("todo", "To do", "todo"),
        ("done", "To do", "done"),
        ("In progress", "To do", "in_progress"),
        ("todo", "Done", "done"),
        ("in_progress", "Done", "done"),
        ("unheard of", "To do", "todo"),
        ("", "To do", "todo"),
    ],
)
async def test_of_status_and_column_of_an_exported_row_that_which_was_edited_counts(
    office: Office, status: str, named: str, becomes: str
) -> None:
    task = await office.task(by=office.mia)
    row = f"{task.id},Draw,{status},{task.column_id},{named}"
    assert await edited(office, row) == (becomes, int(becomes != "todo"))


async def test_a_column_that_is_called_like_a_status_of_others_takes_no_row_that_was_not_edited(office: Office) -> None:
    office.add_column(Status.DONE, "todo")
    task = await office.task(by=office.mia)
    assert await edited(office, f"{task.id},Draw,todo,{task.column_id},To do") == ("todo", 0)


@pytest.mark.parametrize("column_id", ["x", "", "a0b1c2d3-0000-4000-8000-00000000000a"])
async def test_a_column_goes_before_a_status_where_nobody_knows_which_was_edited(
    office: Office, column_id: str
) -> None:
    task = await office.task(by=office.mia)
    assert await edited(office, f"{task.id},Draw,done,{column_id},To do") == ("todo", 0)


async def test_a_row_whose_task_is_deleted_before_it_is_put_below_another_is_told_of(office: Office) -> None:
    async def delete() -> None:
        await office.tasks.delete(office.mia, next(t.id for t in office.stored.tasks.values() if t.title == "Leaf"))

    _, job = await steps_of(office, b"title,external_id,parent\nLeaf,L,R\nTwig,T,R\nRoot,R,\n", delete)
    detail = "its task is gone already; it was not put below another"
    assert job.result is not None and (job.result["linked"], job.result["error_count"]) == (1, 1)
    assert job.result["errors"] == [{"row": 2, "column": None, "detail": detail}]


@pytest.mark.parametrize("mapping", [None, "flowtrack"])
async def test_a_column_that_is_called_archived_takes_no_row_away_unless_somebody_says_so(
    office: Office, mapping: str | None
) -> None:
    content = b"title,archived\na,nein\nb,yes\nc,n\n"
    job = await carried_out(office, content, mapping=mapping)
    assert job.result is not None
    assert (job.result["created"], job.result["archived"], job.result["ignored_columns"]) == (3, 0, ["archived"])
    job = await carried_out(office, content, mapping="title:title,archived:archived")
    assert job.result is not None and (job.result["created"], job.result["archived"]) == (1, 2)
