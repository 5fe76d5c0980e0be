"""What a batch is beside its operations; that these do what they do alone is a contract (tests/contracts/batches.py)."""

from typing import Any

import pytest

from core.kernel.audit import AuditType
from core.kernel.errors import Invalid, ReferenceNotFound
from core.kernel.paging import Sort
from core.tasks.changes import NewTask, TaskChanges
from core.tasks.errors import BulkFailed, BulkTooLong, TaskNotFound
from core.tasks.ports import TaskFilter
from core.tasks.use_cases.bulk import Results
from core.tasks.use_cases.bulk_operations import BatchRef, ChangeTask, CreateTask, DeleteTask, MoveTask, Operation
from core.tasks.use_cases.placing import Destination
from tests.builders import an_id
from tests.builders.office import Office


def new(office: Office, title: str = "Draw", **fields: Any) -> CreateTask:
    return CreateTask(given=NewTask(project_id=office.web.id, title=title), **fields)


async def carried_out(office: Office, *operations: Operation | Invalid, atomic: bool = False) -> Results:
    results, _ = await office.bulk.carry_out(office.mia, operations, atomic=atomic, outline=lambda _: b"")
    return results


class TestABatch:
    async def test_calls_what_it_makes_by_names_that_are_its_own(self, office: Office) -> None:
        parent, child, again, below = await carried_out(
            office,
            new(office, ref="a"),
            new(office, ref="b", below=BatchRef("a")),
            new(office, ref="a"),
            new(office, below=BatchRef("b")),
        )
        assert parent.task and child.task and below.task
        assert (child.task.parent_id, below.task.parent_id) == (parent.task.id, child.task.id)
        assert isinstance(again.refused, Invalid) and again.refused.faults[0].pointer == "/ref"

    async def test_does_not_know_what_comes_later_or_was_refused(self, office: Office) -> None:
        early, refused, late = await carried_out(
            office,
            DeleteTask(task=BatchRef("a")),
            CreateTask(given=NewTask(project_id=an_id(), title="x"), ref="a"),
            MoveTask(task=BatchRef("a"), to=Destination()),
        )
        assert [type(each.refused) for each in (early, refused, late)] == [ReferenceNotFound] * 3

    async def test_leaves_nothing_where_one_is_refused_and_all_are_wanted(self, office: Office) -> None:
        before = office.world.snapshot()
        with pytest.raises(BulkFailed) as failed:
            await carried_out(office, new(office), DeleteTask(task=an_id()), Invalid("unreadable"), atomic=True)
        assert office.world.tables == before
        assert [type(each) for each in failed.value.refused.values()] == [TaskNotFound, Invalid]
        assert [(each.pointer, each.code) for each in failed.value.faults] == [
            ("/operations/1", "task.not_found"),
            ("/operations/2", "request.invalid"),
        ]

    async def test_answers_no_more_text_than_one_may_send(self, office: Office) -> None:
        task = await office.task(by=office.mia, description="x" * 100_000)
        title = ChangeTask(task=task.id, changes=TaskChanges(given=frozenset({"title"}), title="Paint"))
        with pytest.raises(BulkTooLong):
            await carried_out(office, *[title] * 105)
        assert office.stored_task(task.id).title != "Paint"
        results = await carried_out(office, *[title] * 104, DeleteTask(task=task.id))
        assert [each.refused for each in results] == [None] * 105

    async def test_answers_no_more_text_again_either(self, office: Office) -> None:
        long, short = await office.task(description="x" * 100_000), await office.task(description="x")
        for often, shown in ((104, {long.id, short.id}), (105, {short.id})):
            found, _ = await office.bulk.again(office.adam, [*[long.id] * often, short.id])
            assert found.keys() == shown

    async def test_takes_no_number_for_what_was_refused(self, office: Office) -> None:
        results = await carried_out(office, new(office), new(office, below=BatchRef("none")), new(office))
        assert [each.task.number for each in results if each.task] == [1, 2]

    async def test_finds_a_task_by_the_key_that_it_was_just_given(self, office: Office) -> None:
        ops, _ = await office.projects.open(office.adam, name="OPS", key="OPS")
        await office.world.add_to_project(ops.id, office.mia)
        task = await office.task(by=office.mia)
        there = TaskChanges(given=frozenset({"project_id"}), project_id=ops.id)
        title = TaskChanges(given=frozenset({"title"}), title="Paint")
        results = await carried_out(
            office,
            ChangeTask(task=task.id, changes=there),
            ChangeTask(task="OPS-1", changes=title),
            DeleteTask(task="WEB-1"),
        )
        assert [each.refused for each in results] == [None] * 3
        assert office.stored_task(task.id).title == "Paint"


class TestAnExport:
    async def test_reads_page_by_page_and_is_noted_once(self, office: Office) -> None:
        for number in range(230):
            await office.task(f"{number}")
        pages, seq = await office.exports.export(office.adam, where=TaskFilter(), sort=Sort(field="number"), form="csv")
        sizes, titles = [], []
        async for page in pages():
            sizes.append(len(page.tasks))
            titles.extend(task.title for task in page.tasks)
            assert page.names == {}
        assert (sizes, titles) == ([100, 130], [str(number) for number in range(230)])
        assert seq == office.head
        notes = [each.note for each in office.world.tables.notes if each.note.type is AuditType.EXPORT_MADE]
        assert [note.details for note in notes] == [{"of": "tasks", "form": "csv"}]

    async def test_goes_on_as_who_the_caller_is_by_then(self, office: Office) -> None:
        await office.task("Mine", assigned_to=office.mia.user_id)
        await office.task("Theirs")
        pages, _ = await office.exports.export(office.mia, where=TaskFilter(), sort=Sort(field="number"), form="csv")
        assert [[task.title for task in page.tasks] async for page in pages()] == [["Mine"]]
        named, _ = await office.exports.export(
            office.mia, where=TaskFilter(), sort=Sort(field="number"), form="csv", named=True
        )
        assert [[*page.names.values()] async for page in named()] == [["To do"]]
