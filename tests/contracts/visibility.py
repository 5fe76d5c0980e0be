"""Policies as adapters carry them out: the value that filters a list, and the rule that is asked of one thing, agree.

Companies are made by chance and then really set up. Whoever is asked about is compared with all that was made: what a
reader shows for the policy's value must be what the policy's pure function says of each thing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from core.auth.errors import SessionEnded
from core.comments import policy as comments_policy
from core.comments.model import Comment
from core.kernel.actor import Actor, Role
from core.kernel.events import Audience
from core.kernel.paging import PageRequest, Sort
from core.projects import policy as projects_policy
from core.projects.model import RESTORABLE, Project
from core.projects.ports import ProjectFilter
from core.realtime import policy as events_policy
from core.tasks import policy as tasks_policy
from core.tasks.model import Task
from core.tasks.ports import TaskFilter
from tests.contracts.activity import NEWEST_FIRST
from tests.contracts.comments import say
from tests.contracts.steps import Noted, add_task, note, open_project, save_project, save_task
from tests.contracts.world import ContractWorld

BOUNDED: dict[str, Any] = {
    "max_examples": 10,
    "deadline": None,
    # What fails is small enough to read; to make it smaller would take minutes.
    "phases": (Phase.explicit, Phase.reuse, Phase.generate),
    # Each example opens a company of its own, which is all that it looks at.
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}
ALL = PageRequest(limit=200)
PEOPLE, PROJECTS = 5, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a company is made of; people and projects are named by their place."""

    people: list[tuple[Role, bool]]  # active or not
    projects: list[tuple[str, frozenset[int]]]  # how it stands, and its members
    tasks: list[tuple[int, int, int | None, bool]]  # project, creator, assignee, deleted
    notes: list[tuple[int | None, frozenset[int], bool]]  # project, named, for admins


_role = st.sampled_from([Role.MEMBER, Role.MEMBER, Role.MEMBER, Role.ADMIN, Role.OWNER])
_person = st.integers(0, PEOPLE)  # the owner who opened the company is the first
_project = st.integers(0, PROJECTS - 1)
# Of full size: few and full companies show more in a second than many that are almost empty.
PLANS = st.builds(
    Plan,
    people=st.lists(st.tuples(_role, st.sampled_from([True, True, True, False])), min_size=PEOPLE, max_size=PEOPLE),
    projects=st.lists(
        st.tuples(
            st.sampled_from(["open", "open", "archived", "deleted"]), st.frozensets(_person, min_size=1, max_size=3)
        ),
        min_size=PROJECTS,
        max_size=PROJECTS,
    ),
    tasks=st.lists(
        st.tuples(_project, _person, st.none() | _person, st.sampled_from([False, False, False, True])),
        min_size=6,
        max_size=8,
    ),
    notes=st.lists(
        st.tuples(st.none() | _project, st.frozensets(_person, max_size=1), st.booleans()), min_size=4, max_size=6
    ),
)


class Firm:
    """A company that was set up by a plan."""

    def __init__(self, world: ContractWorld, owner: Actor) -> None:
        self.world = world
        self.people = [owner]
        self.inactive: set[UUID] = set()
        self.projects: list[Project] = []
        self.members: set[tuple[UUID, UUID]] = set()  # (project, user)
        self.tasks: list[Task] = []
        self.comments: list[tuple[Comment, Task]] = []
        self.notes: list[tuple[str, Audience]] = []

    @staticmethod
    async def set_up(world: ContractWorld, plan: Plan) -> "Firm":
        firm = Firm(world, await world.company())
        owner = firm.people[0]
        for role, is_active in plan.people:
            person = await world.person(owner.company_id, role=role)
            firm.people.append(person)
            if not is_active:
                firm.inactive.add(person.user_id)
        for place, (_, members) in enumerate(plan.projects):
            project = await open_project(world, owner, key=f"K{place}", name=f"Project {place}")
            firm.projects.append(project)
            firm.members.add((project.id, owner.user_id))
            for person in (firm.people[each] for each in sorted(members - {0})):
                await world.add_to_project(project.id, person)
                firm.members.add((project.id, person.user_id))
        for place, creator, assignee, is_deleted in plan.tasks:
            await firm._task(place, creator, assignee, is_deleted=is_deleted)
        for number, (place, named, admins) in enumerate(plan.notes):
            audience = Audience(
                project_id=None if place is None else firm.projects[place].id,
                named=tuple(firm.people[each].user_id for each in sorted(named)),
                admins=admins,
            )
            firm.notes.append((str(number), audience))
            await note(world, owner, Noted(text=str(number), to=audience))
        for project, (state, _) in zip(firm.projects, plan.projects, strict=True):
            await firm._bring(project, state)
        for person in firm.people:
            if person.user_id in firm.inactive:
                await world.deactivate(person)
        return firm

    def belongs(self, actor: Actor, project_id: UUID | None) -> bool:
        return (project_id, actor.user_id) in self.members

    def stands(self, project_id: UUID | None) -> bool:
        return any(project.id == project_id and project.deleted_at is None for project in self.projects)

    @property
    def living_tasks(self) -> list[Task]:
        return [task for task in self.tasks if task.deleted_at is None and self.stands(task.project_id)]

    async def _task(self, place: int, creator: int, assignee: int | None, *, is_deleted: bool) -> None:
        task = await add_task(
            self.world,
            self.people[creator],
            self.projects[place],
            assigned_to=None if assignee is None else self.people[assignee].user_id,
        )
        self.comments.append((await say(self.world, self.people[creator], task), task))
        if is_deleted:
            task.delete(by=self.people[0].user_id, at=self.world.clock.now())
            await save_task(self.world, self.people[0], task, was=1)
        self.tasks.append(task)

    async def _bring(self, project: Project, state: str) -> None:
        if state == "archived":
            project.is_active = False
            await save_project(self.world, self.people[0], project)
        elif state == "deleted":
            async with self.world.project_unit_of_work(self.people[0]) as uow:
                project.delete(members=(), at=self.world.clock.now())
                uow.projects.delete(project)
                await uow.commit()


async def agree(world: ContractWorld, plan: Plan) -> None:
    """Sets a company up, and compares what each of its people is shown with what the policies say of each thing."""
    firm = await Firm.set_up(world, plan)
    for actor in firm.people:
        if actor.user_id in firm.inactive:
            await _shown_nothing(firm, actor)
            continue
        await _projects_agree(firm, actor)
        await _members_agree(firm, actor)
        await _tasks_agree(firm, actor)
        await _comments_agree(firm, actor)
        await _events_agree(firm, actor)
        await _activity_agrees(firm, actor)


async def _shown_nothing(firm: Firm, actor: Actor) -> None:
    for ask in (_listed_projects, _listed_tasks, _heard):
        with pytest.raises(SessionEnded):
            await ask(firm, actor)


async def _projects_agree(firm: Firm, actor: Actor) -> None:
    visible = projects_policy.visible_projects(actor)
    expected = {
        project.id
        for project in firm.projects
        if project.deleted_at is None and projects_policy.sees_project(actor, is_member=firm.belongs(actor, project.id))
    }
    assert await _listed_projects(firm, actor) == expected
    now = firm.world.clock.now()
    restorable = {
        project.id
        for project in firm.projects
        if project.deleted_at is not None
        and projects_policy.finds_to_restore(actor, project, is_member=firm.belongs(actor, project.id), at=now)
    }
    if actor.administers:
        answer = await firm.world.project_reader.deleted(
            actor,
            visible=visible,
            since=now - RESTORABLE,
            where=ProjectFilter(is_active=None),
            sort=Sort(field="name"),
            page=ALL,
        )
        assert {view.id for view in answer.value.items} == restorable
    else:
        assert restorable == set()
    for project in firm.projects:
        for ref in (project.id, project.key):
            one = await firm.world.project_reader.one(actor, ref, visible=visible)
            assert (one.value is not None) == (project.id in expected)
        progress = await firm.world.project_reader.progress(actor, project.id, visible=visible)
        board = await firm.world.task_reader.board(actor, project.id, visible=visible, tasks_per_column=1)
        assert (progress.value is not None) == (board.value is not None) == (project.id in expected)


async def _members_agree(firm: Firm, actor: Actor) -> None:
    for project in firm.projects:
        sees = project.deleted_at is None and projects_policy.sees_project(
            actor, is_member=firm.belongs(actor, project.id)
        )
        addresses = projects_policy.sees_addresses(actor)
        answer = await firm.world.member_reader.page(
            actor,
            project.id,
            visible=projects_policy.visible_projects(actor),
            addresses=addresses,
            search=None,
            sort=Sort(field="name"),
            page=ALL,
        )
        assert (answer.value is not None) == sees
        if answer.value is not None:
            shown = {view.user_id for view in answer.value.items}
            assert shown == {user_id for project_id, user_id in firm.members if project_id == project.id}
            assert all(hasattr(view, "email") == addresses for view in answer.value.items)


async def _tasks_agree(firm: Firm, actor: Actor) -> None:
    def expected(rule: Callable[[Task, bool], bool]) -> set[UUID]:
        return {task.id for task in firm.living_tasks if rule(task, firm.belongs(actor, task.project_id))}

    seen = expected(lambda _, is_member: tasks_policy.sees_task(actor, is_member=is_member))
    assert await _listed_tasks(firm, actor) == seen
    containers = tuple(project.id for project in firm.projects)
    for where in (TaskFilter(), TaskFilter(project_id=containers), TaskFilter(project_id=containers[:1])):
        visible = tasks_policy.listed_tasks(actor, names_container=where.names_container)
        listed = expected(
            lambda task, is_member, where=where: (
                tasks_policy.lists_task(actor, task, is_member=is_member, names_container=where.names_container)
                and (not where.project_id or task.project_id in where.project_id)
            )
        )
        assert await _listed_tasks(firm, actor, visible=visible, where=where) == listed
    for task in firm.tasks:
        for ref in (task.id, task.key):
            one = await firm.world.task_reader.one(actor, ref, visible=tasks_policy.visible_tasks(actor))
            assert (one.value is not None) == (task.id in seen)
        tag = await firm.world.task_reader.tag(actor, task.id, visible=tasks_policy.visible_tasks(actor))
        assert (tag.value is not None) == (task.id in seen)


async def _comments_agree(firm: Firm, actor: Actor) -> None:
    visible = tasks_policy.visible_tasks(actor)
    for comment, task in firm.comments:
        stands = task.deleted_at is None and firm.stands(task.project_id)
        sees = stands and comments_policy.sees_comment(actor, is_member=firm.belongs(actor, task.project_id))
        one = await firm.world.comment_reader.one(actor, comment.id, visible=visible)
        assert (one.value is not None) == sees
        page = await firm.world.comment_reader.page(
            actor, task.id, visible=visible, sort=Sort(field="created_at"), page=ALL
        )
        assert (page.value is not None) == sees
        assert page.value is None or [view.id for view in page.value.items] == [comment.id]


async def _activity_agrees(firm: Firm, actor: Actor) -> None:
    """What is told as activity is what is heard as events, and the tasks that tell of theirs are those that are seen."""
    audible = events_policy.audible_events(actor)
    answer = await firm.world.event_reader.after(actor, audible=audible, position=0, types=(), limit=200)
    heard = answer.value.events
    told = await firm.world.activity_reader.page(actor, audible=audible, project_ids=(), sort=NEWEST_FIRST, page=ALL)
    assert [view.seq for view in told.value.items] == [str(event.seq) for event in reversed(heard)]
    for project in firm.projects:
        told = await firm.world.activity_reader.page(
            actor, audible=audible, project_ids=(project.id,), sort=NEWEST_FIRST, page=ALL
        )
        of_project = [str(event.seq) for event in reversed(heard) if event.project_id == project.id]
        assert [view.seq for view in told.value.items] == of_project
    for task in firm.tasks:
        of_task, _ = await firm.world.activity_reader.of_task(
            actor, task.id, visible=tasks_policy.visible_tasks(actor), audible=audible, sort=NEWEST_FIRST, page=ALL
        )
        sees = task in firm.living_tasks and tasks_policy.sees_task(
            actor, is_member=firm.belongs(actor, task.project_id)
        )
        assert (of_task is not None) == sees
        if of_task is not None:
            events = [str(event.seq) for event in reversed(heard) if event.body.get("task_id") == str(task.id)]
            assert [view.seq for view in of_task.items] == events


async def _events_agree(firm: Firm, actor: Actor) -> None:
    expected = [
        text
        for text, audience in firm.notes
        # What a deleted project opened is for admins and those named.
        if events_policy.hears_of(
            actor,
            audience,
            is_member=firm.belongs(actor, audience.project_id) and firm.stands(audience.project_id),
        )
    ]
    assert await _heard(firm, actor) == expected


async def _listed_projects(firm: Firm, actor: Actor) -> set[UUID]:
    answer = await firm.world.project_reader.page(
        actor,
        visible=projects_policy.visible_projects(actor),
        where=ProjectFilter(is_active=None),
        sort=Sort(field="name"),
        page=ALL,
    )
    return {view.id for view in answer.value.items}


async def _listed_tasks(
    firm: Firm, actor: Actor, *, visible: tasks_policy.Visible | None = None, where: TaskFilter = TaskFilter()
) -> set[UUID]:
    answer = await firm.world.task_reader.page(
        actor,
        visible=visible or tasks_policy.visible_tasks(actor),
        where=where,
        sort=Sort(field="number"),
        page=PageRequest(limit=200, include_total=True),
    )
    assert answer.value.total == len(answer.value.items)
    return {view.id for view in answer.value.items}


async def _heard(firm: Firm, actor: Actor) -> list[str]:
    answer = await firm.world.event_reader.after(
        actor, audible=events_policy.audible_events(actor), position=0, types=("noted",), limit=200
    )
    return [event.body["text"] for event in answer.value.events]
