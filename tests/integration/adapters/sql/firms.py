"""Companies made straight in the database, by the superuser, and the callers who act in them."""

import itertools
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg import RawCursor

from adapters.sql.statement import Statement
from core.kernel.actor import Actor, Role
from core.kernel.events import Audience, Channel, Fact
from core.tasks.fields import Priority, Status
from core.tasks.model import Task

_numbers = itertools.count(1)
RANKS = (f"{number:08d}" for number in itertools.count(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted(Fact):
    """A fact for tests: it says whatever it is told to, to whom it is told to."""

    event = "noted"
    channel = Channel.TASKS

    text: str
    to: Audience = Audience()

    def audience(self) -> Audience:
        return self.to

    def body(self) -> dict[str, Any]:
        return {"text": self.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A project and its board: the columns in the order todo, in_progress, done."""

    id: UUID
    key: str
    columns: tuple[UUID, UUID, UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class Firm:
    """A company with an owner who is signed in."""

    connection: psycopg.Connection[Any]
    id: UUID
    owner: Actor

    def user(self, *, role: Role = Role.MEMBER, projects: Iterable[Ground] = ()) -> Actor:
        """Somebody else who is signed in."""
        actor = _signed_in(self.connection, self.id, role=role)
        for project in projects:
            self.add_member(project, actor)
        return actor

    def add_member(self, project: Ground, actor: Actor) -> None:
        self.sql(
            "insert into project_members (company_id, project_id, user_id, added_at) values (%s, %s, %s, now())",
            (self.id, project.id, actor.user_id),
        )

    def project(self, *, key: str | None = None) -> Ground:
        key = key or f"P{next(_numbers)}"
        ground = Ground(id=uuid.uuid4(), key=key, columns=(uuid.uuid4(), uuid.uuid4(), uuid.uuid4()))
        self.sql(
            "insert into projects (company_id, id, key, name, status, is_active, created_by, version, created_at,"
            " updated_at) values (%s, %s, %s, %s, 'pending', true, %s, 1, now(), now())",
            (self.id, ground.id, key, f"Project {key}", self.owner.user_id),
        )
        self.sql(
            "insert into project_keys (company_id, key, project_id) values (%s, %s, %s)", (self.id, key, ground.id)
        )
        for position, (column, category) in enumerate(zip(ground.columns, Status, strict=True)):
            self.sql(
                "insert into board_columns (company_id, id, project_id, name, category, position, version, created_at,"
                " updated_at) values (%s, %s, %s, %s, %s, %s, 1, now(), now())",
                (self.id, column, ground.id, category.title(), str(category), position),
            )
        return ground

    def task(self, project: Ground, *, assigned_to: Actor | None = None, title: str = "A task") -> UUID:
        task_id = uuid.uuid4()
        self.sql(
            "with numbered as (update projects set last_number = last_number + 1 where company_id = %(company)s"
            "  and id = %(project)s returning last_number)"
            " insert into tasks (company_id, id, project_id, number, title, priority, status, column_id, rank,"
            "   assigned_to, created_by, version, created_at, updated_at)"
            " select %(company)s, %(id)s, %(project)s, last_number, %(title)s, 'medium', 'todo', %(column)s, %(rank)s,"
            "   %(assignee)s, %(owner)s, 1, clock_timestamp(), clock_timestamp() from numbered",
            {
                "company": self.id,
                "id": task_id,
                "project": project.id,
                "title": title,
                "column": project.columns[0],
                "rank": next(RANKS),
                "assignee": assigned_to.user_id if assigned_to else None,
                "owner": self.owner.user_id,
            },
        )
        return task_id

    def cycle(self, project: Ground, *, status: str = "planned") -> UUID:
        cycle_id = uuid.uuid4()
        self.sql(
            "with numbered as (update projects set last_cycle_number = last_cycle_number + 1 where company_id = %(company)s"
            "  and id = %(project)s returning last_cycle_number)"
            " insert into cycles (company_id, id, project_id, number, name, s3_prefix, status, created_by, version,"
            "   created_at, updated_at)"
            " select %(company)s, %(id)s, %(project)s, last_cycle_number, 'A cycle', 'x', %(status)s, %(owner)s, 1,"
            "   clock_timestamp(), clock_timestamp() from numbered",
            {
                "company": self.id,
                "id": cycle_id,
                "project": project.id,
                "status": status,
                "owner": self.owner.user_id,
            },
        )
        return cycle_id

    def sql(self, statement: str, values: Any = ()) -> list[tuple[Any, ...]]:
        """What the database says when nobody stands in the way."""
        cursor = self.connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else []

    def count(self, table: str) -> int:
        """How many rows the company has in a table."""
        return int(self.sql(f"select count(*) from {table} where company_id = %s", (self.id,))[0][0])

    def log(self) -> list[tuple[int, str]]:
        """The company's log: number and text of each fact."""
        return [
            (seq, body.get("text", event))
            for seq, event, body in self.sql(
                "select seq, event, body from events where company_id = %s order by seq", (self.id,)
            )
        ]

    def last_seq(self) -> int:
        return int(self.sql("select last_seq from event_sequences where company_id = %s", (self.id,))[0][0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Firms:
    """Makes companies."""

    connection: psycopg.Connection[Any]

    def new(self) -> Firm:
        company_id, number = uuid.uuid4(), next(_numbers)
        self.connection.execute(
            "insert into companies (id, name, code, version, created_at, updated_at)"
            " values (%s, %s, %s, 1, now(), now())",
            (company_id, f"Firm {number}", f"firm-{company_id}"),
        )
        self.connection.execute("insert into event_sequences (company_id) values (%s)", (company_id,))
        owner = _signed_in(self.connection, company_id, role=Role.OWNER)
        return Firm(connection=self.connection, id=company_id, owner=owner)


def _signed_in(connection: psycopg.Connection[Any], company_id: UUID, *, role: Role) -> Actor:
    actor = Actor(
        company_id=company_id, user_id=uuid.uuid4(), account_id=uuid.uuid4(), session_id=uuid.uuid4(), role=role
    )
    email = f"{actor.account_id}@example.com"
    connection.execute(
        "insert into accounts (id, email, name, claimed_at, version, created_at, updated_at)"
        " values (%s, %s, 'Robin', now(), 1, now(), now())",
        (actor.account_id, email),
    )
    connection.execute(
        "insert into login_sessions (id, account_id, nonce, generation, created_at, last_used_at, expires_at,"
        " authenticated_at) values (%s, %s, 'nonce', 1, now(), now(), now() + interval '7 days', now())",
        (actor.session_id, actor.account_id),
    )
    join(connection, actor, email=email)
    return actor


def join(connection: psycopg.Connection[Any], actor: Actor, *, email: str = "robin@example.com") -> None:
    """Makes the actor a user of the company that they act in."""
    connection.execute(
        "insert into users (company_id, id, account_id, kind, name, email, username, role, is_active, accepted_at,"
        " last_login_at, version, created_at, updated_at)"
        " values (%s, %s, %s, 'person', %s, %s, %s, %s, true, now(), now(), 1, now(), now())",
        (
            actor.company_id,
            actor.user_id,
            actor.account_id,
            f"Robin {next(_numbers)}",
            email,
            f"robin{next(_numbers)}",
            str(actor.role),
        ),
    )


def executed(connection: psycopg.Connection[Any], statement: Statement, **values: Any) -> RawCursor[Any]:
    """A statement of the product, executed as it stands."""
    return RawCursor(connection).execute(statement.text, statement.parameters(values))


def also_in(firm: Firm, actor: Actor, *, role: Role = Role.MEMBER) -> Actor:
    """The same account, with the same login session, as a user of another company."""
    there = replace(actor, company_id=firm.id, user_id=uuid.uuid4(), role=role)
    join(firm.connection, there)
    return there


def a_task(firm: Firm, project: Ground, *, number: int = 1, **fields: Any) -> Task:
    """A task that is not in the database yet."""
    at = datetime.now(UTC)
    given = {
        "id": uuid.uuid4(),
        "project_id": project.id,
        "key": f"{project.key}-{number}",
        "number": number,
        "title": "A task",
        "description": None,
        "priority": Priority.MEDIUM,
        "status": Status.TODO,
        "column_id": project.columns[0],
        "rank": next(RANKS),
        "previous_column_id": None,
        "deadline": None,
        "assigned_to": None,
        "created_by": firm.owner.user_id,
        "completed_at": None,
        "created_at": at,
        "updated_at": at,
    }
    return Task(**{**given, **fields})
