"""Steps that contracts take through the ports themselves."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar
from uuid import UUID

from core.cycles.model import Cycle
from core.kernel.actor import Actor
from core.kernel.events import Audience, Channel, Fact
from core.kernel.once import Once
from core.kernel.paging import PageRequest, Sort
from core.projects.model import Project, ProjectStatus
from core.tasks.fields import Priority, Status
from core.tasks.model import Task, end_of
from core.tasks.policy import Visible
from core.tasks.ports import TaskFilter
from core.tasks.read_models import TaskView
from tests.contracts.world import ContractWorld


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted(Fact):
    """A fact for any audience."""

    event: ClassVar[str] = "noted"
    channel: ClassVar[Channel] = Channel.NOTIFICATIONS

    text: str
    to: Audience = Audience()

    def audience(self) -> Audience:
        return self.to

    def body(self) -> dict[str, object]:
        return {"text": self.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung(Noted):
    """Another kind of fact."""

    event: ClassVar[str] = "rung"


def a_key(key: str = "once", *, digest: bytes = b"d", path: str = "/api/v1/tasks", method: str = "POST") -> Once:
    return Once(key=key, method=method, path=path, digest=digest)


async def open_project(
    world: ContractWorld,
    actor: Actor,
    *,
    key: str = "WEB",
    name: str = "Website",
    status: ProjectStatus = ProjectStatus.PENDING,
) -> Project:
    async with world.project_unit_of_work(actor) as uow:
        project, opened = Project.open(
            id=world.ids.new(),
            key=key,
            name=name,
            description="All of it",
            deadline=date(2026, 12, 24),
            status=status,
            created_by=actor.user_id,
            at=world.clock.now(),
        )
        uow.projects.add(project, member=actor.user_id)
        uow.record(opened)
        await uow.commit()
    return project


async def save_project(world: ContractWorld, actor: Actor, project: Project) -> None:
    async with world.project_unit_of_work(actor) as uow:
        project.version += 1
        uow.projects.save(project)
        await uow.commit()


async def delete_project(world: ContractWorld, actor: Actor, project: Project) -> None:
    async with world.project_unit_of_work(actor) as uow:
        members = await uow.projects.members(project.id)
        uow.record(project.delete(members=members, at=world.clock.now()))
        uow.projects.save(project)
        await uow.commit()


async def add_cycle(
    world: ContractWorld,
    actor: Actor,
    project: Project,
    name: str = "Autumn",
    *,
    starts_on: date | None = None,
    ends_on: date | None = None,
) -> Cycle:
    async with world.cycle_unit_of_work(actor) as uow:
        opening = await uow.cycles.begin(project.id, for_user=actor.user_id)
        assert opening is not None
        cycle, created = Cycle.create(
            id=world.ids.new(),
            project_id=project.id,
            project_key=opening.project_key,
            number=opening.number,
            name=name,
            s3_prefix=None,
            description="What is to be done",
            metadata={"goal": {"launch": True}, "weights": [1, 2.5, None]},
            starts_on=starts_on,
            ends_on=ends_on,
            created_by=actor.user_id,
            at=world.clock.now(),
        )
        uow.cycles.add(cycle)
        uow.record(created)
        await uow.commit()
    return cycle


async def start_cycle(world: ContractWorld, actor: Actor, cycle: Cycle) -> None:
    cycle.start(another_is_active=False, at=world.clock.now())
    async with world.cycle_unit_of_work(actor) as uow:
        uow.cycles.save(cycle)
        await uow.commit()


async def add_task(
    world: ContractWorld,
    actor: Actor,
    project: Project,
    title: str = "Draw",
    *,
    status: Status = Status.TODO,
    priority: Priority = Priority.MEDIUM,
    deadline: date | None = None,
    assigned_to: UUID | None = None,
    cycle_id: UUID | None = None,
    parent_id: UUID | None = None,
    labels: tuple[str, ...] = (),
    external_id: str | None = None,
    recurrence: str | None = None,
) -> Task:
    async with world.task_unit_of_work(actor) as uow:
        opening = await uow.tasks.begin(project.id, for_user=actor.user_id, assignee=assigned_to, labels=labels)
        assert opening is not None
        task, created = Task.create(
            id=world.ids.new(),
            project_id=project.id,
            project_key=opening.project_key,
            number=opening.number,
            title=title,
            description=None,
            priority=priority,
            place=end_of(opening.board.first_of(status)),
            deadline=deadline,
            assigned_to=assigned_to,
            created_by=actor.user_id,
            at=world.clock.now(),
            cycle_id=cycle_id,
            parent_id=parent_id,
            labels=opening.labels,
            external_id=external_id,
            recurrence=recurrence,
        )
        uow.tasks.add(task)
        if opening.labels:
            uow.tasks.label(task.id, on=opening.labels, off=())
        uow.record(created)
        await uow.commit()
    return task


async def save_task(world: ContractWorld, actor: Actor, task: Task, *, was: int) -> None:
    async with world.task_unit_of_work(actor) as uow:
        uow.tasks.save(task, was=was)
        await uow.commit()


async def note(world: ContractWorld, actor: Actor, *facts: Fact) -> int:
    """Writes facts to the log, and nothing else."""
    async with world.task_unit_of_work(actor) as uow:
        uow.record(*facts)
        return await uow.commit()


async def listed(
    world: ContractWorld,
    actor: Actor,
    *,
    visible: Visible = Visible(),
    where: TaskFilter = TaskFilter(),
    sort: str = "number",
    page: PageRequest = PageRequest(),
) -> list[TaskView]:
    by = Sort(field=sort.removeprefix("-"), descending=sort.startswith("-"))
    answer = await world.task_reader.page(actor, visible=visible, where=where, sort=by, page=page)
    return answer.value.items


async def titles(world: ContractWorld, actor: Actor, **question: object) -> list[str]:
    return [view.title for view in await listed(world, actor, **question)]
