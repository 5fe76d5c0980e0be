"""Companies made by chance, for properties of policies."""

from dataclasses import dataclass
from uuid import UUID

from hypothesis import strategies as st

from core.kernel.actor import Actor, Role
from core.kernel.events import Audience
from core.cycles.model import Cycle
from core.tasks.model import Task
from tests.builders import a_cycle, a_task, an_actor, an_id


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyOfChance:
    actors: tuple[Actor, ...]
    projects: tuple[UUID, ...]
    members: frozenset[tuple[UUID, UUID]]  # (project, user)
    tasks: tuple[Task, ...]
    cycles: tuple[Cycle, ...]
    audiences: tuple[Audience, ...]

    def belongs(self, actor: Actor, project_id: UUID | None) -> bool:
        return (project_id, actor.user_id) in self.members


ACTORS = st.lists(st.tuples(st.sampled_from(Role), st.booleans()), min_size=1, max_size=3)
MEMBERS = st.frozensets(st.tuples(st.integers(0, 1), st.integers(0, 2)), max_size=6)
NOBODY_OR_SOMEBODY = st.none() | st.integers(0, 2)
TASKS = st.lists(st.tuples(st.integers(0, 1), NOBODY_OR_SOMEBODY), max_size=3)
AUDIENCES = st.lists(st.tuples(st.none() | st.integers(0, 1), NOBODY_OR_SOMEBODY, st.booleans()), max_size=3)


@st.composite
def companies(
    draw: st.DrawFn, *, tasks: bool = False, cycles: bool = False, audiences: bool = False
) -> CompanyOfChance:
    """Up to three people of any role, two projects with some of them, and if asked for tasks, cycles and events."""
    actors = tuple(an_actor(role, edits_all=edits_all) for role, edits_all in draw(ACTORS))
    projects = (an_id(), an_id())

    def user(place: int | None) -> UUID | None:
        return None if place is None else actors[place % len(actors)].user_id

    return CompanyOfChance(
        actors=actors,
        projects=projects,
        members=frozenset((projects[project], actors[place % len(actors)].user_id) for project, place in draw(MEMBERS)),
        tasks=tuple(
            a_task(project_id=projects[project], assigned_to=user(place))
            for project, place in (draw(TASKS) if tasks else ())
        ),
        cycles=tuple(a_cycle(project_id=projects[project]) for project, _ in (draw(TASKS) if cycles else ())),
        audiences=tuple(
            Audience(
                project_id=None if project is None else projects[project],
                named=() if place is None else (actors[place % len(actors)].user_id, an_id()),
                admins=admins,
            )
            for project, place, admins in (draw(AUDIENCES) if audiences else ())
        ),
    )
