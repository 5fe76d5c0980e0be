"""The contract of LabelUnitOfWork and LabelReader, and of tasks with the labels that they bear.

The subclass provides the fixture `world`; see `tests.contracts.world`.
"""

from dataclasses import replace

import pytest

from core.kernel.actor import Actor
from core.kernel.errors import Conflict
from core.kernel.paging import PageRequest, Sort
from core.labels.errors import LabelNameTaken
from core.labels.model import Label, LabelChanges
from core.tasks.policy import Visible
from core.tasks.ports import TaskFilter
from tests.contracts.steps import add_task, listed, open_project, titles
from tests.contracts.world import ContractWorld

BY_NAME = Sort(field="name")


async def add_label(world: ContractWorld, actor: Actor, name: str, *, color: str | None = None) -> Label:
    async with world.label_unit_of_work(actor) as uow:
        label, created = Label.create(
            id=world.ids.new(),
            name=name,
            color=color,
            count=await uow.labels.count(),
            by=actor.user_id,
            at=world.clock.now(),
        )
        uow.labels.add(label)
        uow.record(created)
        await uow.commit()
    return label


async def rename(world: ContractWorld, actor: Actor, label: Label, name: str) -> Label:
    changed = replace(label)
    updated = changed.change(LabelChanges(given=frozenset({"name"}), name=name), at=world.clock.now())
    assert updated is not None
    async with world.label_unit_of_work(actor) as uow:
        uow.labels.save(changed, renamed=True)
        await uow.commit()
    return changed


async def names(world: ContractWorld, actor: Actor, *, search: str | None = None, sort: Sort = BY_NAME) -> list[str]:
    page, _ = await world.label_reader.page(actor, search=search, sort=sort, page=PageRequest())
    return [label.name for label in page.items]


class LabelContract:
    async def test_a_label_is_loaded_as_it_was_added_and_is_its_companys_alone(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        label = await add_label(world, here, "Design", color="#1f77b4")
        async with world.label_unit_of_work(here) as uow:
            assert await uow.labels.load(label.id) == label
            assert await uow.labels.count() == 1
        async with world.label_unit_of_work(there) as uow:
            assert await uow.labels.load(label.id) is None
            assert await uow.labels.count() == 0
        assert (await world.label_reader.one(here, label.id)).value is not None
        assert (await world.label_reader.one(there, label.id)).value is None
        assert (await names(world, here), await names(world, there)) == (["Design"], [])

    async def test_names_are_one_in_any_case_and_in_any_way_of_composing_letters(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        first = await add_label(world, here, "\u00dcber")
        for alike in ("\u00fcber", "\u00dcBER", "U\u0308ber"):
            with pytest.raises(LabelNameTaken):
                await add_label(world, here, alike)
        await add_label(world, there, "\u00dcber")
        other = await add_label(world, here, "other")
        with pytest.raises(LabelNameTaken):
            await rename(world, here, other, "\u00dcBER")
        assert (await rename(world, here, first, "\u00fcber")).name == "\u00fcber"

    async def test_of_two_who_change_it_at_once_one_does(self, world: ContractWorld) -> None:
        owner = await world.company()
        label = await add_label(world, owner, "design")
        await rename(world, owner, label, "art")
        with pytest.raises(Conflict):
            await rename(world, owner, label, "paint")
        assert await names(world, owner) == ["art"]

    async def test_lists_are_sorted_searched_and_paged(self, world: ContractWorld) -> None:
        owner = await world.company()
        for name in ("beta", "Alpha", "gamma", "Delta"):
            await add_label(world, owner, name)
        assert await names(world, owner) == ["Alpha", "beta", "Delta", "gamma"]
        assert await names(world, owner, sort=Sort(field="name", descending=True)) == [
            "gamma",
            "Delta",
            "beta",
            "Alpha",
        ]
        assert await names(world, owner, sort=Sort(field="created_at")) == ["beta", "Alpha", "gamma", "Delta"]
        assert await names(world, owner, search="TA") == ["beta", "Delta"]
        assert await names(world, owner, search="%") == []
        page, _ = await world.label_reader.page(
            owner, search=None, sort=BY_NAME, page=PageRequest(limit=3, include_total=True)
        )
        assert ([label.name for label in page.items], page.total) == (["Alpha", "beta", "Delta"], 4)
        rest, _ = await world.label_reader.page(
            owner, search=None, sort=BY_NAME, page=PageRequest(limit=3, position=page.next_position)
        )
        assert ([label.name for label in rest.items], rest.next_position) == (["gamma"], None)

    async def test_a_task_shows_the_names_of_its_labels_in_order(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        for name in ("urgent", "Design", "api"):
            await add_label(world, owner, name)
        task = await add_task(world, owner, project, labels=("URGENT", "design"))
        assert task.labels == ("Design", "urgent")
        (view,) = await listed(world, owner)
        assert view.labels == ["Design", "urgent"]
        one, _ = await world.task_reader.one(owner, task.id, visible=Visible())
        assert one is not None and one.labels == ["Design", "urgent"]
        tag, _ = await world.task_reader.tag(owner, task.id, visible=Visible())
        assert tag is not None and tag.embedded == one.embedded

    async def test_a_new_name_is_shown_by_all_tasks_and_their_versions_stay(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        label, _ = await add_label(world, owner, "design"), await add_label(world, owner, "mobile")
        await add_task(world, owner, project, "first", labels=("design", "mobile"))
        await add_task(world, owner, project, "second", labels=("mobile",))
        await rename(world, owner, label, "Zeichnung")
        first, second = await listed(world, owner)
        assert (first.labels, first.version) == (["mobile", "Zeichnung"], 1)
        assert second.labels == ["mobile"]
        assert await titles(world, owner, where=TaskFilter(label=("ZEICHNUNG",))) == ["first"]
        assert await titles(world, owner, where=TaskFilter(label=("design",))) == []

    async def test_a_deleted_label_leaves_all_tasks(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        label, _ = await add_label(world, owner, "design"), await add_label(world, owner, "mobile")
        await add_task(world, owner, project, labels=("design", "mobile"))
        async with world.label_unit_of_work(owner) as uow:
            found = await uow.labels.load(label.id)
            assert found is not None
            uow.labels.delete(found)
            await uow.commit()
        (task,) = await listed(world, owner)
        assert (task.labels, task.version) == (["mobile"], 1)
        assert await names(world, owner) == ["mobile"]

    async def test_tasks_are_found_by_any_of_their_labels(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        for name in ("api", "web"):
            await add_label(world, owner, name)
        await add_task(world, owner, project, "both", labels=("api", "web"))
        await add_task(world, owner, project, "web", labels=("web",))
        await add_task(world, owner, project, "none")
        assert await titles(world, owner, where=TaskFilter(label=("Web",))) == ["both", "web"]
        assert await titles(world, owner, where=TaskFilter(label=("api", "web"))) == ["both", "web"]
        assert await titles(world, owner, where=TaskFilter(label=("api", "nowhere"))) == ["both"]
        assert await titles(world, owner, where=TaskFilter(label=("nowhere",))) == []

    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("field", ["created_at", "updated_at", "number", "priority"])
    async def test_tasks_with_a_label_come_in_pages_in_the_order_of_the_list(
        self, world: ContractWorld, field: str, descending: bool
    ) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        for name in ("api", "web"):
            await add_label(world, owner, name)
        for number in range(7):
            await add_task(world, owner, project, f"{number}", labels=("api", "web") if number % 3 else ("api",))
        sort = Sort(field=field, descending=descending)
        for label, count in (("web", 4), ("api", 7)):
            where = TaskFilter(label=(label,))
            page, _ = await world.task_reader.page(
                owner, visible=Visible(), where=where, sort=sort, page=PageRequest(limit=200, include_total=True)
            )
            assert len(page.items) == page.total == count
            # All have the same priority, and may have the same instant: then the id decides.
            values = [("" if field == "priority" else getattr(view, field), view.id) for view in page.items]
            assert values == sorted(values, reverse=descending)
            found, ask = [], PageRequest(limit=2)
            while len(found) < 2 * count:
                part, _ = await world.task_reader.page(owner, visible=Visible(), where=where, sort=sort, page=ask)
                found += part.items
                if part.next_position is None:
                    break
                ask = PageRequest(limit=2, position=part.next_position)
            assert found == page.items

    async def test_what_is_loaded_to_be_labelled_knows_the_named_and_the_borne(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        for name in ("api", "mobile", "web"):
            await add_label(world, owner, name)
        task = await add_task(world, owner, project, labels=("api", "web"))
        async with world.task_unit_of_work(owner) as uow:
            loaded = await uow.tasks.load("web-1", for_user=owner.user_id, labels=("MOBILE", "web", "nowhere"))
            assert loaded is not None
            found = {label.name: label for label in loaded.labels}
            assert set(found) == {"api", "mobile", "web"}
            changed = replace(loaded.task, labels=("mobile", "web"), version=2)
            uow.tasks.save(changed, was=1)
            uow.tasks.label(task.id, on=(found["mobile"],), off=(found["api"],))
            await uow.commit()
        assert await titles(world, owner, where=TaskFilter(label=("mobile",))) == ["Draw"]
        assert await titles(world, owner, where=TaskFilter(label=("api",))) == []
