"""Files become tasks over the in-memory adapters: what is counted and told, and how far a step goes."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.imports.use_cases.asking import ImportUseCases, Received
from core.jobs.model import Job, JobRef
from core.kernel.actor import Actor, System
from core.kernel.errors import DatabaseAway
from core.kernel.once import Made, Once
from core.labels.model import MOST, Label
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
