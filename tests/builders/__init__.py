"""Things to test with: whole, valid, and only what the test says is particular about them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from core.auth.model import Account, LoginSession
from core.companies.model import Company
from core.cycles.model import Cycle, CycleStatus
from core.kernel import rank
from core.kernel.actor import Actor, Role
from core.projects.model import Project, ProjectStatus
from core.tasks.fields import Priority, Status
from core.tasks.model import Board, Column, Place, Task
from core.users.model import User
from tests.fakes.ids import CountingIds

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
_ids = CountingIds(first=0xB000_0000)


def an_id() -> UUID:
    return _ids.new()


def an_actor(role: Role = Role.MEMBER, *, edits_all: bool = False, **fields: Any) -> Actor:
    actor = Actor(
        company_id=an_id(),
        user_id=an_id(),
        account_id=an_id(),
        session_id=an_id(),
        role=role,
        edits_all_project_tasks=edits_all,
    )
    return replace(actor, **fields)


def a_column(category: Status = Status.TODO, *, last: Task | None = None, **fields: Any) -> Column:
    column = Column(
        id=an_id(), category=category, last_id=last.id if last else None, last_rank=last.rank if last else None
    )
    return replace(column, **fields)


def a_board(*categories: Status) -> Board:
    """A board with a column of each category given, from left to right; of all three if none is."""
    return Board(columns=tuple(a_column(category) for category in categories or tuple(Status)))


def a_place(in_: Column | None = None, **fields: Any) -> Place:
    place = Place(column=in_ or a_column(), rank=rank.between(None, None), after_id=None)
    return replace(place, **fields)


def a_task(in_: Column | None = None, by: Actor | UUID | None = None, **fields: Any) -> Task:
    """A task in a column, created by somebody."""
    column = in_ or a_column()
    task = Task(
        id=an_id(),
        project_id=an_id(),
        key="WEB-1",
        number=1,
        title="Draw the landing page",
        description=None,
        priority=Priority.MEDIUM,
        status=column.category,
        column_id=column.id,
        rank=rank.between(None, None),
        previous_column_id=None,
        deadline=None,
        assigned_to=None,
        created_by=by.user_id if isinstance(by, Actor) else by or an_id(),
        completed_at=NOW if column.category is Status.DONE else None,
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(task, **fields)


def a_cycle(**fields: Any) -> Cycle:
    cycle = Cycle(
        id=an_id(),
        project_id=an_id(),
        number=3,
        name="Autumn",
        s3_prefix="web/3",
        status=CycleStatus.PLANNED,
        description=None,
        metadata={},
        starts_on=None,
        ends_on=None,
        started_at=None,
        completed_at=None,
        created_by=an_id(),
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(cycle, **fields)


def a_project(by: Actor | None = None, **fields: Any) -> Project:
    project = Project(
        id=an_id(),
        key="WEB",
        name="Website",
        description=None,
        deadline=None,
        status=ProjectStatus.PENDING,
        is_active=True,
        created_by=by.user_id if by else an_id(),
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(project, **fields)


def a_company(**fields: Any) -> Company:
    company = Company.found(id=an_id(), name="Acme", contact_email=None, at=NOW)
    return replace(company, **fields)


def a_user(role: Role = Role.MEMBER, **fields: Any) -> User:
    user, _ = User.join(
        id=an_id(), account_id=an_id(), name="Ann Miller", email="ann@example.com", username="ann", role=role, at=NOW
    )
    return replace(user, **fields)


def an_account(**fields: Any) -> Account:
    account = Account(
        id=an_id(),
        email="ann@example.com",
        name="Ann Miller",
        password_hash=None,
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(account, **fields)


def a_login_session(**fields: Any) -> LoginSession:
    session = LoginSession.begin(id=an_id(), account_id=an_id(), nonce=b"n", agent=None, address=None, at=NOW)
    return replace(session, **fields)
