"""The contract of ImportUnitOfWork: files in pieces, and many tasks at once.

The subclass provides the fixture `world`; see `tests.contracts.world`.
"""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from core.imports.fields import checked_mapping
from core.cycles.model import CycleStatus
from core.imports.names import Stand
from core.imports.model import CHUNK, Phase, TaskImport
from core.imports.values import RowFault
from core.jobs.model import JobRef
from core.kernel.actor import Actor, Role
from core.kernel.errors import Conflict
from core.kernel.rank import spread
from core.labels.errors import LabelNameTaken
from core.labels.model import Label, LabelName
from core.tasks.errors import ExternalIdTaken
from core.tasks.fields import Priority, Status
from core.tasks.model import Place, Task
from core.tasks.ports import TaskFilter
from tests.contracts.jobs import add_job
from tests.contracts.labels import add_label
from tests.contracts.steps import add_cycle, add_task, listed, open_project, start_cycle, titles
from tests.contracts.world import ContractWorld


async def add_import(world: ContractWorld, actor: Actor, project_id: UUID, *contents: bytes) -> TaskImport:
    task_import = TaskImport(
        id=world.ids.new(),
        project_id=project_id,
        mapping=checked_mapping(None),
        dry_run=False,
        created_at=world.clock.now(),
        size=sum(map(len, contents)),
    )
    async with world.import_unit_of_work(actor) as uow:
        uow.imports.add(task_import)
        await uow.commit()
    for number, content in enumerate(contents):
        async with world.import_unit_of_work(actor) as uow:
            uow.imports.keep(task_import.id, number, content)
            await uow.commit()
    return task_import


def made(world: ContractWorld, actor: Actor, place: Place, project_id: UUID, number: int, **fields: object) -> Task:
    given = {"title": f"Task {number}", "external_id": f"A-{number}", **fields}
    task, _ = Task.create(
        id=world.ids.new(),
        project_id=project_id,
        project_key="WEB",
        number=number,
        description=None,
        priority=Priority.LOW,
        place=place,
        deadline=None,
        assigned_to=None,
        created_by=actor.user_id,
        at=world.clock.now(),
        **given,  # type: ignore[arg-type]
    )
    return task


class ImportContract:
    async def test_a_file_is_kept_in_pieces_and_read_from_anywhere(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        project = await open_project(world, here)
        first, second = bytes(range(256)) * (CHUNK // 256), b"the end"
        kept = await add_import(world, here, project.id, first, second)
        async with world.import_unit_of_work(here) as uow:
            assert await uow.imports.load(kept.id) == kept
            assert await uow.imports.piece(kept.id, offset=0, length=10) == first[:10]
            assert await uow.imports.piece(kept.id, offset=CHUNK - 3, length=6) == first[-3:] + b"the"
            assert await uow.imports.piece(kept.id, offset=CHUNK - 3, length=10**7) == first[-3:] + second
        async with world.import_unit_of_work(there) as uow:
            assert await uow.imports.load(kept.id) is None
            assert await uow.imports.piece(kept.id, offset=0, length=10) == b""

    async def test_how_far_it_is_read_is_kept_with_all_that_was_found(self, world: ContractWorld) -> None:
        owner = await world.company()
        kept = await add_import(world, owner, (await open_project(world, owner)).id, b"title;x\na;b\n")
        assert kept.check(b"title;x\na;b\n")
        kept.skip([RowFault(2, "title", "no"), RowFault(3, None, "no")])
        kept.new_labels.append("design")
        async with world.import_unit_of_work(owner) as uow:
            uow.imports.save(kept)
            task_id = world.ids.new()
            uow.imports.note_seen(kept.id, {"eA": Stand(2, None), "eB": Stand(3, task_id), "tA": Stand(2, task_id)})
            await uow.commit()
        async with world.import_unit_of_work(owner) as uow:
            found = await uow.imports.load(kept.id)
            assert found == kept and found is not None and found.phase is Phase.WRITING
            assert await uow.imports.seen(kept.id, ["eB", "eC"]) == {"eB": Stand(3, task_id)}
            # The first keeps a name, but a title that several have is that of none.
            uow.imports.note_seen(kept.id, {"eA": Stand(4, task_id), "tA": Stand(4, task_id), "tB": Stand(4, None)})
            await uow.commit()
        async with world.import_unit_of_work(owner) as uow:
            assert await uow.imports.seen(kept.id, ["eA", "tA", "tB"]) == {
                "eA": Stand(2, None),
                "tA": Stand(0, None),
                "tB": Stand(4, None),
            }
            uow.imports.remove(kept.id)
            await uow.commit()
        async with world.import_unit_of_work(owner) as uow:
            assert await uow.imports.load(kept.id) is None
            assert await uow.imports.piece(kept.id, offset=0, length=10) == b""

    async def test_room_is_made_of_what_is_over_or_became_nothing(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        waiting = await add_import(world, owner, project.id, b"x")
        over = await add_job(world, owner)
        async with world.import_unit_of_work(owner) as uow:
            for each in (
                replace(waiting, id=over.id),
                replace(waiting, id=(goes_on := await add_job(world, owner)).id),
            ):
                uow.imports.add(each)
            job = await uow.jobs.load(over.id)
            assert job is not None
            job.cancel(at=world.clock.now())
            uow.jobs.save(job)
            await uow.commit()

        async def left(later: timedelta) -> tuple[int, list[bool]]:
            async with world.import_unit_of_work(owner) as uow:
                count = await uow.imports.make_room(before=world.clock.now() + later)
                await uow.commit()
            async with world.import_unit_of_work(owner) as uow:
                found = [await uow.imports.load(each) is not None for each in (waiting.id, over.id, goes_on.id)]
            return count, found

        assert await left(-timedelta(hours=1)) == (1, [True, False, True])
        assert await left(timedelta(hours=1)) == (0, [False, False, True])

    async def test_a_file_is_given_up_unless_a_job_was_made_of_it(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        waiting, job = await add_import(world, owner, project.id, b"x"), await add_job(world, owner)
        async with world.import_unit_of_work(owner) as uow:
            uow.imports.add(replace(waiting, id=job.id))
            await uow.commit()
        for import_id, stays in ((waiting.id, False), (job.id, True)):
            async with world.import_unit_of_work(owner) as uow:
                await uow.imports.give_up(import_id)
                await uow.commit()
            async with world.import_unit_of_work(owner) as uow:
                assert (await uow.imports.load(import_id) is not None) is stays
        async with world.import_unit_of_work(owner) as uow:
            assert await uow.imports.piece(waiting.id, offset=0, length=10) == b""

    async def test_what_many_tasks_are_made_from(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id, name="Ann")
        admin = await world.person(owner.company_id, name="Adam", role=Role.ADMIN)
        outside = await world.person(owner.company_id, name="Max")
        project, other = await open_project(world, owner), await open_project(world, owner, key="OTHER")
        await world.add_to_project(project.id, ann)
        for name in ("design", "art", "unused"):
            await add_label(world, owner, name)
        known = await add_task(world, owner, project, "Draw", external_id="A", labels=("art",))
        foreign = await add_task(world, owner, other, "Draw", external_id="B")
        plain = await add_task(world, owner, project, "Plain")
        async with world.import_unit_of_work(owner) as uow:
            found = await uow.many_tasks.begin(
                project.id,
                for_user=owner.user_id,
                labels=("DESIGN", "none"),
                people=sorted(str(each.user_id) for each in (ann, admin, outside)),
                external_ids=["A", "B", "C"],
                ids=[plain.id, foreign.id, world.ids.new()],
            )
        assert found is not None
        assert (found.project_key, found.project_is_active, found.is_member) == (project.key, True, True)
        assert (found.last_number, found.label_count) == (2, 3)
        assert sorted(label.name for label in found.labels) == ["art", "design"]
        assert found.tasks == {"A": known}
        assert found.by_id == {known.id: known, plain.id: plain}
        assert [found.column_names[column.id] for column in found.board.columns] == ["To do", "In progress", "Done"]
        assert found.board.columns[0].last_id == plain.id
        sees = {each.id: each.sees_project for each in found.people.values()}
        assert sees == {ann.user_id: True, admin.user_id: True, outside.user_id: False}
        twin = await world.person(owner.company_id, name="ÁNN")
        async with world.import_unit_of_work(owner) as uow:
            named = await uow.many_tasks.begin(
                project.id,
                for_user=owner.user_id,
                labels=(),
                people=["ÁNN", "ánn", "MAX", "max", "nobody"],
                external_ids=[],
            )
        assert named is not None
        assert {name: [each.id for each in found] for name, found in named.namesakes.items()} == {
            "ánn": [twin.user_id],
            "max": [outside.user_id],
        }
        async with world.import_unit_of_work(ann) as uow:
            assert await uow.many_tasks.begin(
                world.ids.new(), for_user=ann.user_id, labels=(), people=(), external_ids=()
            ) is None  # fmt: skip
            assert await uow.many_tasks.project(project.id, for_user=ann.user_id) == (True, True, "UTC")
            assert await uow.many_tasks.project(project.id, for_user=outside.user_id) == (True, False, "UTC")
            assert await uow.many_tasks.project(world.ids.new(), for_user=ann.user_id) is None

    async def test_cycles_are_found_by_name_or_id_in_the_project_alone(self, world: ContractWorld) -> None:
        owner = await world.company()
        project, other = await open_project(world, owner), await open_project(world, owner, key="OTHER")
        now = await add_cycle(world, owner, project, name="Now")
        later = await add_cycle(world, owner, project, name="Later")
        await add_cycle(world, owner, other, name="Now")
        await start_cycle(world, owner, now)

        async def found(*cycles: str) -> list[tuple[UUID, str, str]]:
            async with world.import_unit_of_work(owner) as uow:
                begun = await uow.many_tasks.begin(
                    project.id, for_user=owner.user_id, labels=(), people=(), external_ids=(), cycles=cycles
                )
            assert begun is not None
            return sorted(begun.cycles, key=lambda cycle: cycle.name)

        assert await found() == []
        assert await found("NOW", "now", str(later.id), "never") == [
            (later.id, "Later", CycleStatus.PLANNED),
            (now.id, "Now", CycleStatus.ACTIVE),
        ]
        task = await add_task(world, owner, project, cycle_id=now.id)
        names = await world.task_reader.place_names(
            owner, columns=[task.column_id, world.ids.new()], cycles=[now.id, world.ids.new()]
        )
        assert names == {task.column_id: "To do", now.id: "Now"}
        assert (
            await world.task_reader.place_names(await world.company(), columns=[task.column_id], cycles=[now.id]) == {}
        )

    async def test_who_stands_above_and_below(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        line: list[Task] = []
        for title in ("Top", "Upper", "Middle", "Lower"):
            line.append(await add_task(world, owner, project, title, parent_id=line[-1].id if line else None))
        beside = await add_task(world, owner, project, "Beside", parent_id=line[0].id)
        async with world.import_unit_of_work(owner) as uow:
            found = await uow.many_tasks.kin(parents=[line[1].id], tasks=[line[2].id])
        assert beside.id not in {each.id for each in found}
        assert {each.id: each.parent_id for each in found} == {task.id: task.parent_id for task in line}

    async def test_people_are_found_by_username_in_small_letters(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id, name="Ann")
        project = await open_project(world, owner)
        async with world.import_unit_of_work(owner) as uow:
            found = await uow.many_tasks.begin(
                project.id, for_user=owner.user_id, labels=(), people=[f"u{ann.user_id}", "nobody"], external_ids=()
            )
        assert found is not None
        assert found.people[f"u{ann.user_id}"].id == ann.user_id
        assert "nobody" not in found.people

    async def test_many_are_added_labelled_and_changed_at_once(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        art = await add_label(world, owner, "art")
        at = world.clock.now()
        design, _ = Label.create(id=world.ids.new(), name="Design", color=None, count=1, by=owner.user_id, at=at)
        async with world.import_unit_of_work(owner) as uow:
            found = await uow.many_tasks.begin(
                project.id, for_user=owner.user_id, labels=("art",), people=(), external_ids=()
            )
            assert found is not None
            column = found.board.first_of(Status.TODO)
            borne = (LabelName(design.id, "Design"), LabelName(art.id, "art"))
            tasks = [
                made(
                    world, owner, Place(column=column, rank=rank, after_id=None), project.id, number, labels=borne[:number]
                )
                for number, rank in enumerate(spread(3), 1)
            ]  # fmt: skip
            uow.many_tasks.add_labels([design])
            uow.many_tasks.take_numbers(project.id, last=3)
            uow.many_tasks.add(tasks)
            on = [(task, label.id) for task, number in zip(tasks, (1, 2, 2), strict=True) for label in borne[:number]]
            uow.many_tasks.label(on=on, off=())
            await uow.commit()
        assert sorted(await titles(world, owner)) == ["Task 1", "Task 2", "Task 3"]
        assert await titles(world, owner, where=TaskFilter(label=("ART",))) == ["Task 2", "Task 3"]
        assert (await add_task(world, owner, project, "next")).number == 4
        first, second, third = tasks
        changed = replace(first, title="Other", labels=("art",), version=2)
        async with world.import_unit_of_work(owner) as uow:
            uow.many_tasks.save([(changed, 1), (replace(second, priority=Priority.HIGH, version=2), 1)])
            uow.many_tasks.label(on=[(first, art.id)], off=[(first, design.id)])
            await uow.commit()
        views = {view.number: view for view in await listed(world, owner)}
        assert (views[1].title, views[1].labels, views[1].version) == ("Other", ["art"], 2)
        assert (views[2].priority, views[3].version) == ("high", 1)
        assert await titles(world, owner, where=TaskFilter(label=("art",))) == ["Other", "Task 2", "Task 3"]
        with pytest.raises(Conflict):
            async with world.import_unit_of_work(owner) as uow:
                uow.many_tasks.save([(replace(third, title="x", version=2), 1), (replace(first, version=2), 1)])
                await uow.commit()
        assert (await listed(world, owner))[2].title == "Task 3"

    async def test_what_others_took_at_the_same_moment_is_refused(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        await add_label(world, owner, "design")
        await add_task(world, owner, project, external_id="A-7")
        at = world.clock.now()
        again, _ = Label.create(id=world.ids.new(), name="DESIGN", color=None, count=1, by=owner.user_id, at=at)
        with pytest.raises(LabelNameTaken):
            async with world.import_unit_of_work(owner) as uow:
                uow.many_tasks.add_labels([again])
                await uow.commit()
        with pytest.raises(ExternalIdTaken):
            async with world.import_unit_of_work(owner) as uow:
                found = await uow.many_tasks.begin(
                    project.id, for_user=owner.user_id, labels=(), people=(), external_ids=()
                )
                assert found is not None
                place = Place(column=found.board.first_of(Status.TODO), rank="zzzzzzzz", after_id=None)
                uow.many_tasks.add([made(world, owner, place, project.id, 7)])
                await uow.commit()
