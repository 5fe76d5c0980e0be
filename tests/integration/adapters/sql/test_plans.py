"""How PostgreSQL finds rows under row-level security: asked as the application role, by EXPLAIN, over 25,000 tasks.

Under row-level security only leakproof operators may become conditions of an index; any other one means that every row
of the company is read.
"""

import itertools
import random
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest
from psycopg import ClientCursor, RawCursor, sql
from sqlalchemy import BinaryExpression, Text, UnaryExpression, Uuid, bindparam, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql import operators, visitors

from adapters.sql import deadlines, notifying, told
from adapters.sql.migrating import migrate
from adapters.sql.readers import activity as activity_reader, comments as comment_reader
from adapters.sql.readers import api_tokens as token_reader
from adapters.sql.readers import columns as column_reader, cycles as cycle_reader
from adapters.sql.readers import events as event_reader
from adapters.sql.readers import notifications as notification_reader
from adapters.sql.readers import projects as project_reader
from adapters.sql.readers import reports as report_reader
from adapters.sql.readers import task_lists, tasks as task_reader
from adapters.sql.readers import users as user_reader
from adapters.sql.readers import webhooks as webhook_reader
from adapters.sql.readers.paging import ordered
from adapters.sql.readers.task_lists import Shape, count_statement, page_statement
from adapters.sql.repositories import api_tokens as token_repository, comments as comment_repository
from adapters.sql.repositories import batch_names, batch_writes, batches, task_kin
from adapters.sql.repositories.tasks import _leave_cycle, _neighbour
from adapters.sql.repositories import columns as column_repository
from adapters.sql.repositories import notifications as notification_repository
from adapters.sql.repositories import users as user_repository
from adapters.sql.statement import Statement
from adapters.sql.tables.work import tasks
from core.kernel.paging import Sort
from core.kernel.rank import LONGEST
from core.notifications.policy import Visible as VisibleNotifications
from core.realtime.model import ANY_SIZE
from tests.integration.adapters.sql.firms import Firm, Firms, Ground
from tests.integration.conftest import Server, TestDatabase

COMPANIES, BIG, SMALL = 3, 20_000, 2_500  # of 25,000 tasks, one company has most
MOST = 51
DIALECT = postgresql.dialect()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeded:
    """A company among others with 25,000 tasks in all, and a connection as the application role in it."""

    connection: psycopg.Connection[Any]
    firm: Firm
    project: Ground
    values: dict[str, Any]

    def plan(self, statement: Statement, **values: Any) -> dict[str, Any]:
        """The plan of the statement with these values."""
        with self.entered() as connection:
            given = [sql.Literal(value) for value in self.parameters(statement, values)]
            text = re.sub(r"\$(\d+)", lambda found: given[int(found[1]) - 1].as_string(connection), statement.text)
            return explained(connection, text)

    def parameters(self, statement: Statement, values: dict[str, Any]) -> list[Any]:
        return statement.parameters({**self.values, **values})

    @contextmanager
    def entered(self) -> Iterator[psycopg.Connection[Any]]:
        """A transaction in the company."""
        with self.connection.transaction():
            self.connection.execute("select from open_company(%s, %s)", (self.firm.owner.session_id, self.firm.id))
            yield self.connection

    def settled_plan(self, statement: Statement, **values: Any) -> dict[str, Any]:
        """The plan that PostgreSQL settles for once the statement was prepared and executed several times."""
        return self._prepared_plan(statement, values, mode="auto")

    def generic_plan(self, statement: Statement, **values: Any) -> dict[str, Any]:
        """The plan that holds for whatever values."""
        return self._prepared_plan(statement, values, mode="force_generic_plan")

    def _prepared_plan(self, statement: Statement, values: dict[str, Any], *, mode: str) -> dict[str, Any]:
        execute = executing(self.parameters(statement, values))
        with self.entered() as connection:
            connection.execute(sql.SQL("set local plan_cache_mode = {}").format(mode))
            connection.execute(f"prepare asked as {statement.text}")
            try:
                for _ in range(7):
                    connection.execute(execute)
                return explained(connection, execute.as_string(connection))
            finally:
                connection.execute("deallocate asked")

    def carried_out(
        self, statement: Statement, *, mode: str, times: int = 8, **values: Any
    ) -> tuple[dict[str, Any], int]:
        """What the statement did when it was executed for the last of so many times, and how many generic plans it had
        had.
        """
        execute = executing(self.parameters(statement, values))
        with self.entered() as connection:
            connection.execute(sql.SQL("set local plan_cache_mode = {}").format(mode))
            connection.execute(f"prepare asked as {statement.text}")
            try:
                for _ in range(times - 1):
                    connection.execute(execute)
                plan = explained(connection, execute.as_string(connection), options="analyze, timing off")
                row = connection.execute(
                    "select generic_plans from pg_prepared_statements where name = 'asked'"
                ).fetchone()
                assert row is not None
                return plan, row[0]
            finally:
                connection.execute("deallocate asked")


def executing(parameters: list[Any]) -> sql.Composed:
    given = sql.SQL(" ({})").format(sql.SQL(", ").join(map(sql.Literal, parameters))) if parameters else sql.SQL("")
    return sql.SQL("execute asked") + given


def explained(connection: psycopg.Connection[Any], text: str, *, options: str = "") -> dict[str, Any]:
    asked = f"explain ({', '.join(filter(None, ('format json', options)))}) {text}"
    row = RawCursor(connection).execute(asked).fetchone()
    assert row is not None
    plan: dict[str, Any] = row[0][0]["Plan"]
    return plan


@pytest.fixture(scope="module")
def both(postgres_server: Server) -> Iterator[tuple[Seeded, Seeded]]:
    database = postgres_server.database("plans")
    migrate(owner_url=database.owner, application_url=database.application)
    with psycopg.connect(database.superuser, autocommit=True) as superuser:
        firms = [Firms(connection=superuser).new() for _ in range(COMPANIES)]
        grounds = [_fill(firm, BIG if firm is firms[0] else SMALL) for firm in firms]
        superuser.execute("vacuum analyze")
        big, small = (_as_application(database, firms[number], grounds[number]) for number in (0, 1))
        with big as seeded, small as other:
            yield seeded, other


@pytest.fixture
def seeded(both: tuple[Seeded, Seeded]) -> Seeded:
    """The company that has most of the tasks."""
    return both[0]


@pytest.fixture
def small(both: tuple[Seeded, Seeded]) -> Seeded:
    """One of the others."""
    return both[1]


@contextmanager
def _as_application(database: TestDatabase, firm: Firm, project: Ground) -> Iterator[Seeded]:
    with psycopg.connect(database.application, autocommit=True, cursor_factory=ClientCursor) as connection:
        assert connection.execute("select current_user").fetchone() == ("test_app",)
        assert connection.execute("show enable_seqscan").fetchone() == ("on",)
        member = firm.sql(
            "select m.user_id from project_members m"
            "  join tasks t on t.assigned_to = m.user_id and t.project_id = m.project_id where m.company_id = %s limit 1",
            (firm.id,),
        )[0][0]
        cycle = firm.sql(
            "select id from cycles where company_id = %s and project_id = %s and number = 1", (firm.id, project.id)
        )[0][0]
        task = firm.sql("select id from tasks where company_id = %s limit 1", (firm.id,))[0][0]
        parent = firm.sql(
            "select parent_id from tasks where company_id = %s and parent_id is not null limit 1", (firm.id,)
        )[0][0]
        values = {
            "most": MOST,
            "skip": 100,
            "project_id": project.id,
            "column_id": project.columns[1],
            "parent_id": parent,
            "label": "design",
            "query": "design",
            "query_head": "design-",
            "query_tail": "1",
            "external_id": "EXT-7",
            "cycle_id": cycle,
            "cycle": cycle,
            "created_by": firm.owner.user_id,
            "assigned_to": member,
            "status": "todo",
            "priority": "high",
            "mine": member,
            "member_id": member,
            "deadline_before": date(2026, 3, 1),
            "deadline_after": date(2026, 2, 1),
            "updated_after": datetime(2026, 1, 5, tzinfo=UTC),
            "ref": task,
            "number": 7,
            "to": None,
            "at": datetime(2026, 5, 1, tzinfo=UTC),
            "now": datetime(2026, 1, 5, tzinfo=UTC),
            "user_id": member,
            "token_id": uuid.uuid4(),
            "for_user": member,
            "email": "robin50@example.com",
            "search": "robot 7",
            "role": ["admin", "member"],
            "is_active": True,
            "at_id": str(uuid.UUID(int=1)),
            "watcher": member,
            "project": project.id,
            "projects": [project.id],
            "comment": firm.sql("select id from comments where company_id = %s limit 1", (firm.id,))[0][0],
        }
        yield Seeded(connection=connection, firm=firm, project=project, values=values)


def _fill(firm: Firm, count: int) -> Ground:
    grounds = [firm.project() for _ in range(10)]
    members = [firm.user(projects=grounds[:5]) for _ in range(10)]
    firm.sql(
        "insert into tasks (company_id, id, project_id, number, title, priority, status, column_id, rank, deadline,"
        "  assigned_to, created_by, completed_at, version, created_at, updated_at, deleted_at, external_id)"
        " select %(company)s, gen_random_uuid(), c.project_id, n, 'Task ' || n,"
        "        (array['low', 'medium', 'high', 'urgent'])[1 + n %% 4], c.category, c.id, lpad(n::text, 8, '0'),"
        "        case when n %% 3 = 0 then date '2026-01-01' + n %% 300 end,"
        "        case when n %% 5 > 0 then (%(members)s::uuid[])[1 + (n * 7) %% 10] end, %(owner)s,"
        "        case when c.category = 'done' then timestamptz '2026-01-01' end, 1,"
        "        timestamptz '2026-01-01' + n * interval '1 minute', timestamptz '2026-01-01' + n * interval '1 minute',"
        "        case when n %% 50 = 0 then now() end, case when n %% 2 = 1 then 'EXT-' || n end"
        "   from generate_series(1, %(count)s) n"
        "   join lateral (select * from board_columns where company_id = %(company)s order by project_id, position"
        "                  offset (n * 11) %% 30 limit 1) c on true",
        {
            "company": firm.id,
            "members": [member.user_id for member in members],
            "owner": firm.owner.user_id,
            "count": count,
        },
    )
    # A tenth as many people, most of them services, and as many invitations, all but a few of them used.
    firm.sql(
        "insert into users (company_id, id, kind, name, username, role, is_active, last_login_at, version, created_at,"
        "  updated_at)"
        " select %(company)s, gen_random_uuid(), 'service', 'Robot ' || n, 'robot.' || n, 'member', n %% 10 > 0,"
        "        case when n %% 3 = 0 then timestamptz '2026-01-01' + n * interval '1 minute' end, 1,"
        "        timestamptz '2026-01-01' + n * interval '1 minute', now()"
        "   from generate_series(1, %(count)s / 10) n",
        {"company": firm.id, "count": count},
    )
    firm.sql(
        "insert into invitations (company_id, id, email, role, token_digest, created_at, expires_at, accepted_at)"
        " select %(company)s, gen_random_uuid(), 'robin' || n || '@example.com', 'member',"
        "        uuid_send(gen_random_uuid()), timestamptz '2026-01-01' + n * interval '1 minute',"
        "        timestamptz '2026-01-08', case when n %% 50 > 0 then timestamptz '2026-01-02' end"
        "   from generate_series(1, %(count)s / 10) n",
        {"company": firm.id, "count": count},
    )
    # Every second person has had tokens, of whom one has had most; all but a few are over.
    firm.sql(
        "insert into api_tokens (company_id, id, user_id, name, scopes, digest, hint, created_at, expires_at, revoked_at)"
        " select %(company)s, gen_random_uuid(), case when n %% 2 = 0 then %(member)s else u.id end, 'Token', '{tasks:read}',"
        "        uuid_send(gen_random_uuid()), 'ftk_abcd', timestamptz '2026-01-01' + n * interval '1 minute',"
        "        timestamptz '2026-01-08', case when n %% 3 > 0 then timestamptz '2026-01-02' end"
        "   from (select id, row_number() over () n from users where company_id = %(company)s) u",
        {"company": firm.id, "member": members[0].user_id},
    )
    # Each project has cycles, and every second task stands in the first of its project's.
    firm.sql(
        "insert into cycles (company_id, id, project_id, number, name, s3_prefix, status, starts_on, ends_on, version,"
        "  created_at, updated_at)"
        " select company_id, gen_random_uuid(), id, n, 'Cycle ' || n, 'x', 'planned',"
        "        case when n %% 3 > 0 then date '2026-01-01' + n end, case when n %% 3 > 1 then date '2026-01-01' + n end,"
        "        1, timestamptz '2026-01-01' + n * interval '1 day', timestamptz '2026-01-01' + n * interval '1 day'"
        "   from projects, generate_series(1, 100) n where company_id = %s",
        (firm.id,),
    )
    # Every tenth task has the next of its project as its parent, and bears a label.
    firm.sql(
        "update tasks t set parent_id = n.next from (select company_id, id, number, lead(id) over"
        "  (partition by project_id order by number) as next from tasks where company_id = %s) n"
        " where t.company_id = n.company_id and t.id = n.id and t.number %% 10 = 0",
        (firm.id,),
    )
    firm.sql(
        "with made as (insert into labels (company_id, id, name, folded, version, created_at, updated_at)"
        "  values (%s, gen_random_uuid(), 'design', 'design', 1, now(), now()) returning company_id, id)"
        " insert into task_labels select t.company_id, t.id, m.id, t.created_at from tasks t join made m using (company_id)"
        "  where t.number %% 10 = 0",
        (firm.id,),
    )
    firm.sql(
        "update tasks t set cycle_id = c.id from cycles c where t.company_id = %s and c.company_id = t.company_id"
        "   and c.project_id = t.project_id and c.number = 1 and t.number %% 2 = 0",
        (firm.id,),
    )
    # Three comments on each task, the third of them an answer that mentions somebody, who watches; and the log of it all.
    firm.sql(
        "with made as (insert into comments (company_id, id, task_id, author_id, body, version, created_at, updated_at)"
        "  select company_id, gen_random_uuid(), id, created_by, 'x', 1, created_at, created_at"
        "    from tasks cross join generate_series(1, 2) where company_id = %s returning *),"
        " first as (select distinct on (task_id) * from made),"
        " answers as (insert into comments (company_id, id, task_id, parent_id, author_id, body, version, created_at,"
        "   updated_at) select company_id, gen_random_uuid(), task_id, id, author_id, 'y', 1, created_at, created_at"
        "   from first returning *),"
        " mentions as (insert into comment_mentions select company_id, id, author_id from answers)"
        " insert into task_watchers select company_id, task_id, author_id, true from answers",
        (firm.id,),
    )
    firm.sql(
        "insert into events (company_id, seq, event, channel, occurred_at, actor_id, via, project_id, task_id, for_admins,"
        "  body) select company_id, 10000 + row_number() over (order by n, number), 'task_updated', 'task_updates',"
        "  created_at, created_by, 'session', project_id, id, true, '{}' from tasks, generate_series(1, 3) n"
        "  where company_id = %s",
        (firm.id,),
    )
    # Whoever has a task was told so, and has read all but every tenth of it.
    firm.sql(
        "insert into notifications (company_id, id, seq, user_id, kind, cause, event, task_id, task_count, created_at,"
        "  read_at) select company_id, gen_random_uuid(), 20000 + number, assigned_to, 'assigned', number, 'task_created',"
        "  id, 1, created_at, case when number %% 10 > 0 then now() end"
        "  from tasks where company_id = %s and assigned_to is not null",
        (firm.id,),
    )
    return grounds[0]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def reads_of(plan: dict[str, Any], table: str = "tasks") -> list[dict[str, Any]]:
    """The nodes that read a table: scans of it, and of its indexes for a bitmap."""
    return [
        node
        for node in nodes(plan)
        if node.get("Relation Name") == table or (node.get("Index Name") or "").startswith(f"{table}_")
    ]


def conditions(plan: dict[str, Any], table: str = "tasks") -> dict[str, str]:
    """Each index of a table that is read, with its condition."""
    return {node["Index Name"]: node.get("Index Cond", "") for node in reads_of(plan, table) if "Index Name" in node}


def listed(
    *filters: str, field: str = "created_at", descending: bool = True, after: bool = False, null: bool = False,
    skips: bool = False,
) -> Statement:  # fmt: skip
    shape = Shape(
        frozenset(filters), Sort(field=field, descending=descending), after=after, after_null=null, most=MOST,
        skips=skips,
    )  # fmt: skip
    return page_statement(shape)


AT_DATE = {"at_value": "2026-01-03T00:00:00+00:00"}
# Each list that a screen opens with: its statement, the index, the columns in its condition, values.
NAMED: dict[str, tuple[Statement, str, set[str], dict[str, Any]]] = {
    "all, newest first": (listed(), "tasks_listed", {"company_id"}, {}),
    "all, oldest first": (listed(descending=False), "tasks_listed", {"company_id"}, {}),
    "all, the next page": (listed(after=True), "tasks_listed", {"company_id", "created_at"}, AT_DATE),
    "a project, newest first": (listed("project_id is"), "tasks_of_project", {"company_id", "project_id"}, {}),
    "a project, the next page": (
        listed("project_id is", after=True), "tasks_of_project", {"company_id", "project_id", "created_at"}, AT_DATE,
    ),
    "a member's project, newest first": (
        listed("project_id is", "member_id"), "tasks_of_project", {"company_id", "project_id"}, {},
    ),
    "an assignee, newest first": (listed("assigned_to is"), "tasks_of_assignee", {"company_id", "assigned_to"}, {}),
    "an assignee, the next page": (
        listed("assigned_to is", after=True), "tasks_of_assignee", {"company_id", "assigned_to", "created_at"}, AT_DATE,
    ),
    "a member's own, newest first": (
        listed("mine", "member_id"), "tasks_of_assignee", {"company_id", "assigned_to"}, {},
    ),
    "a cycle, newest first": (listed("cycle_id is"), "tasks_of_cycle", {"company_id", "cycle_id"}, {}),
    "a cycle, the next page": (
        listed("cycle_id is", after=True), "tasks_of_cycle", {"company_id", "cycle_id", "created_at"}, AT_DATE,
    ),
    "a member's cycle, newest first": (
        listed("cycle_id is", "member_id"), "tasks_of_cycle", {"company_id", "cycle_id"}, {},
    ),
    "a board column, from the top": (
        listed("column_id is", field="position", descending=False), "tasks_on_board", {"company_id", "column_id"}, {},
    ),
    "a board column, the next page": (
        listed("column_id is", field="position", descending=False, after=True),
        "tasks_on_board",
        {"company_id", "column_id", "rank"},
        {"at_value": "00000700"},
    ),
}  # fmt: skip


def is_read_in_its_own_order(plan: dict[str, Any], index: str, columns: set[str]) -> None:
    """Whether the tasks come out of that index in the list's order, so that no company has too many of them."""
    found = conditions(plan)
    assert set(found) == {index}, plan
    assert columns <= set(re.findall(r"\w+", found[index])), found
    assert {node["Node Type"] for node in reads_of(plan)} <= {"Index Scan", "Index Only Scan"}, plan
    # What is sorted, if at all, is the page with its names.
    (limit,) = [node for node in nodes(plan) if node["Node Type"] == "Limit"]
    assert not [node for node in nodes(limit) if "Sort" in node["Node Type"]], plan


# With a label: the tasks come as what says that they bear it has them in order, each by its id.
LABELLED: dict[str, tuple[Statement, set[str], dict[str, Any]]] = {
    "a label, newest first": (listed("label is"), set(), {}),
    "a label, oldest first": (listed("label is", descending=False), set(), {}),
    "a label, the next page": (listed("label is", after=True), {"created_at"}, AT_DATE),
    "a member's label, newest first": (listed("label is", "member_id"), set(), {}),
}


def is_read_by_its_label(plan: dict[str, Any], columns: set[str]) -> None:
    (index,) = conditions(plan, "task_labels").items()
    assert index[0] == "task_labels_newest", plan
    assert {"company_id", "label_id"} | columns <= set(re.findall(r"\w+", index[1])), index
    assert set(conditions(plan)) == {"tasks_pkey"}, plan
    (limit,) = [node for node in nodes(plan) if node["Node Type"] == "Limit"]
    assert not [node for node in nodes(limit) if "Sort" in node["Node Type"]], plan


PLANS = ["plan", "settled_plan", "generic_plan"]
# A plan for the values at hand, and one for any: PostgreSQL takes either, by what it expects of them.
MODES = ["force_custom_plan", "force_generic_plan"]
# Where the cards below a position are few, PostgreSQL may rightly fetch and sort them all: they are one column's.
MAY_BE_SORTED = {"a board column, the next page"}


@pytest.mark.parametrize("how", PLANS)
@pytest.mark.parametrize("name", NAMED)
def test_a_list_that_a_screen_opens_with_reads_an_index_in_its_own_order(seeded: Seeded, name: str, how: str) -> None:
    statement, index, columns, values = NAMED[name]
    plan = getattr(seeded, how)(statement, **values)
    if name in MAY_BE_SORTED and how != "plan":
        assert set(conditions(plan)) == {index}, plan
        assert columns <= set(re.findall(r"\w+", conditions(plan)[index]))
        return
    is_read_in_its_own_order(plan, index, columns)


@pytest.mark.parametrize("how", PLANS)
@pytest.mark.parametrize("name", LABELLED)
def test_a_list_with_a_label_reads_an_index_in_its_own_order(seeded: Seeded, name: str, how: str) -> None:
    statement, columns, values = LABELLED[name]
    is_read_by_its_label(getattr(seeded, how)(statement, **values), columns)


# Whether those that bear it are in a project of the member is chance.
@pytest.mark.parametrize("name", [name for name in LABELLED if "member" not in name])
def test_a_list_with_a_label_reads_no_more_than_a_page_and_is_not_planned_anew_each_time(
    both: tuple[Seeded, Seeded], name: str
) -> None:
    statement, columns, values = LABELLED[name]
    for company in both:
        plan, generic = company.carried_out(statement, mode="auto", **values)
        assert generic > 0
        assert plan["Actual Rows"] == MOST
        is_read_by_its_label(plan, columns)
        (read,) = reads_of(plan)
        # Every fifth of those that bear it was deleted.
        assert read["Actual Loops"] <= 1.5 * MOST, plan


SORTED = [
    (field, filters)
    for field in ("updated_at", "priority", "number", "position")
    for filters in ((), ("status is",), ("label is",))
]


@pytest.mark.parametrize(("field", "filters"), SORTED)
def test_what_no_index_has_in_order_is_sorted_without_all_that_a_task_has(
    seeded: Seeded, field: str, filters: tuple[str, ...]
) -> None:
    """Tasks are 300 bytes wide and more: what is sorted is what decides, and a page of them is read whole."""
    plan = seeded.settled_plan(listed(*filters, field=field))
    (limit,) = [node for node in nodes(plan) if node["Node Type"] == "Limit"]
    assert limit["Plan Width"] < 100, plan


# Filters by which no index has few tasks: of what they leave of a company, a tenth of all tasks, each list is made.
WIDE = [
    "project_id among",
    "cycle_id among",
    "column_id among",
    "assigned_to among",
    "created_by is",
    "created_by among",
    "status is",
    "status among",
    "priority is",
    "priority among",
    "assigned_to none",
    "cycle_id none",
    "parent_id none",
    "deadline_before",
    "deadline_after",
    "updated_after",
    "query",
]
# In an order of its own: no index has it, or only of one column.
UNUSUAL = [
    *((field, (name,)) for field in task_lists.SORTS for name in WIDE),
    *(("updated_at", pair) for pair in itertools.combinations(WIDE, 2) if pair[0].split()[0] != pair[1].split()[0]),
    ("updated_at", ("created_by is", "parent_id none", "updated_after")),
    ("created_at", ("status among", "assigned_to is", "assigned_to none", "query")),
]


def fetched(plan: dict[str, Any]) -> int:
    """How many tasks were read themselves, and not in an index that holds what is asked for."""
    return sum(
        node["Heap Fetches"]
        if node["Node Type"] == "Index Only Scan"
        else (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in reads_of(plan)
        if node["Node Type"] != "Bitmap Index Scan"
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("after", [False, True])
def test_a_list_in_whatever_order_reads_no_more_tasks_than_it_shows(small: Seeded, after: bool, mode: str) -> None:
    """All else is decided in an index that holds it: the tasks of a company lie all over the table."""
    for field, filters in UNUSUAL:
        values: dict[str, Any] = {"at_value": CURSORS[field]} if after else {}
        for name in filters:
            if name.endswith("among"):
                values |= several(small.values, name.partition(" ")[0])
        plan, _ = small.carried_out(listed(*filters, field=field, after=after), mode=mode, times=1, **values)
        assert fetched(plan) <= MOST, (field, filters, plan)
        assert read_by_company(plan), (field, filters, plan)


@pytest.mark.parametrize("how", PLANS)
@pytest.mark.parametrize("others", [(), ("member_id",), ("mine",), ("project_id is",), ("project_id is", "status is")])
def test_what_a_task_is_called_elsewhere_is_looked_up_in_the_index_that_has_it(
    both: tuple[Seeded, Seeded], others: tuple[str, ...], how: str
) -> None:
    statements = [listed("external_id", *others, field=field) for field in ("created_at", "updated_at", "position")]
    for statement in (*statements, count_statement(frozenset({"external_id", *others}))):
        for company in both:
            plan = getattr(company, how)(statement)
            found = conditions(plan)
            assert set(found) <= {"tasks_external_id_unique", "tasks_pkey"}, plan
            names = {"company_id", "project_id", "external_id"}
            assert names <= set(re.findall(r"\w+", found["tasks_external_id_unique"])), found


@pytest.mark.parametrize("mode", MODES)
def test_all_tasks_are_counted_in_an_index_and_none_is_read(small: Seeded, mode: str) -> None:
    for name in WIDE:
        values = several(small.values, name.partition(" ")[0]) if name.endswith("among") else {}
        plan, _ = small.carried_out(count_statement(frozenset({name})), mode=mode, times=1, **values)
        assert fetched(plan) == 0, (name, plan)


@pytest.mark.parametrize("mode", MODES)
def test_the_projects_of_a_member_are_looked_up_once_and_not_once_a_task(small: Seeded, mode: str) -> None:
    for statement in (
        listed("project_id among", "member_id", field="updated_at"),
        count_statement(frozenset({"member_id"})),
    ):
        values = several(small.values, "project_id")
        plan, _ = small.carried_out(statement, mode=mode, times=1, **values)
        assert sum(node["Actual Loops"] for node in reads_of(plan, "project_members")) == 1, plan


def test_the_longest_title_fits_into_the_index_of_lists(seeded: Seeded) -> None:
    """Of letters of four bytes, which cannot be made shorter, and with all that a task can have besides."""
    letters = random.Random(1)
    title = "".join(chr(letters.randrange(0x20000, 0x2A6D0)) for _ in range(500))
    with seeded.firm.connection.transaction(force_rollback=True):
        (changed,) = seeded.firm.sql(
            "update tasks set title = %s, rank = %s, parent_id = id, cycle_id = %s, deadline = now(),"
            " assigned_to = created_by where company_id = %s and project_id = %s and deleted_at is null"
            " and number = (select max(number) from tasks where project_id = %s and deleted_at is null)"
            " returning octet_length(title)",
            (title, "z" * LONGEST, seeded.values["cycle_id"], seeded.firm.id, seeded.project.id, seeded.project.id),
        )
        assert changed == (2_000,)


@pytest.mark.parametrize("how", ["query in key", "query in number", "query across key"])
def test_projects_whose_key_fits_are_looked_for_once_and_not_once_a_task(seeded: Seeded, how: str) -> None:
    plan, _ = seeded.carried_out(listed("query", how), mode="auto")
    inside = [node for node in nodes(plan) if node.get("Subplan Name", "").startswith("SubPlan")]
    assert sum(node["Actual Loops"] for each in inside for node in reads_of(each, "projects")) <= 1, plan


@pytest.mark.parametrize("mode", ["auto", "force_generic_plan"])
@pytest.mark.parametrize("name", [name for name in NAMED if name not in MAY_BE_SORTED])
def test_a_list_of_a_company_with_most_of_the_tasks_reads_and_sorts_no_more_than_a_page_of_them(
    seeded: Seeded, name: str, mode: str
) -> None:
    statement, index, columns, values = NAMED[name]
    plan, generic = seeded.carried_out(statement, mode=mode, **values)
    assert generic > 0 or mode == "auto"
    assert plan["Actual Rows"] == MOST
    is_read_in_its_own_order(plan, index, columns)
    for node in nodes(plan):
        if "Sort" in node["Node Type"]:
            assert node["Actual Rows"] * node["Actual Loops"] <= MOST, plan
    (read,) = reads_of(plan)
    # A member's list leaves out what is in projects of others.
    assert read["Actual Rows"] * read["Actual Loops"] <= (MOST if "member" not in name else 4 * MOST), plan


@pytest.mark.parametrize("name", NAMED)
def test_a_list_that_a_screen_opens_with_is_not_planned_anew_each_time(both: tuple[Seeded, Seeded], name: str) -> None:
    statement, _, _, values = NAMED[name]
    for company in both:
        _, generic = company.carried_out(statement, mode="auto", **values)
        assert generic > 0


@pytest.mark.parametrize("how", PLANS)
def test_a_list_that_skips_reads_what_it_skips_and_the_page_and_sorts_neither(seeded: Seeded, how: str) -> None:
    is_read_in_its_own_order(getattr(seeded, how)(listed(skips=True)), "tasks_listed", {"company_id"})


@pytest.mark.parametrize("by_key", [False, True])
@pytest.mark.parametrize("member", [False, True])
@pytest.mark.parametrize("asked", ["_one", "_tag"])
def test_a_task_is_found_by_its_id_or_key_in_indexes_alone(
    seeded: Seeded, by_key: bool, member: bool, asked: str
) -> None:
    statement = getattr(task_reader, asked)(by_key, member)
    values = {"ref": seeded.project.key} if by_key else {}
    plan = seeded.plan(statement, **values)
    found = conditions(plan)
    assert set(found) == ({"tasks_number_unique", "tasks_pkey"} if by_key else {"tasks_pkey"})
    for index, expected in (
        ("tasks_number_unique", {"company_id", "project_id", "number"}),
        ("tasks_pkey", {"company_id", "id"}),
    ):
        assert index not in found or expected <= set(re.findall(r"\w+", found[index]))
    assert not [node for node in reads_of(plan) if "Index" not in node["Node Type"]], plan


@pytest.mark.parametrize("by_key", [False, True])
def test_a_board_reads_each_column_in_its_order(seeded: Seeded, by_key: bool) -> None:
    for asked in (task_reader._columns, task_reader._cards):
        plan = seeded.plan(asked(by_key, False), ref=seeded.project.key if by_key else seeded.project.id)
        assert not [node for node in reads_of(plan) if node["Node Type"] == "Seq Scan"], plan
        assert "tasks_on_board" in conditions(plan)


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
def test_the_assignees_of_a_board_are_looked_up_once_each_and_not_once_a_card(
    both: tuple[Seeded, Seeded], mode: str
) -> None:
    assignees = 10
    for company in both:
        plan, _ = company.carried_out(task_reader._cards(False, False), mode=mode, ref=company.project.id, most=500)
        assert plan["Actual Rows"] > 10 * assignees
        reads = reads_of(plan, "users")
        assert reads
        assert sum(node["Actual Loops"] for node in reads) <= assignees, plan


FILTERS = [
    *(f"{name} {how}" for name in (*task_lists.BY_ID, *task_lists.BY_WORD) for how in ("is", "among")),
    "assigned_to none",
    "cycle_id none",
    "label is",
    "label among",
    "deadline_before",
    "deadline_after",
    "updated_after",
    "external_id",
    "mine",
    "member_id",
]
CURSORS = {
    "created_at": "2026-01-03T00:00:00+00:00",
    "updated_at": "2026-01-03T00:00:00+00:00",
    "deadline": "2026-02-01",
    "priority": 1,
    "number": 100,
    "position": "00000700",
}


def several(values: dict[str, Any], name: str) -> dict[str, Any]:
    """The value of a filter that takes several, as the several that it is."""
    return {name: [values[name], values[name]]}


def read_by_company(plan: dict[str, Any], table: str = "tasks") -> bool:
    """Whether every way to the table's rows is by an index, within the company."""
    found = conditions(plan, table)
    return (
        bool(found)
        and all("company_id" in condition for condition in found.values())
        and not [node for node in reads_of(plan, table) if node["Node Type"] == "Seq Scan"]
    )


@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_stays_within_the_company_by_an_index(small: Seeded, name: str) -> None:
    """A filter without an index of its own is checked on the company's rows, never on those of others.

    A small company is asked: of one that has most of the table, PostgreSQL may rightly read the table.
    """
    given = several(small.values, name.partition(" ")[0]) if name.endswith("among") else {}
    for statement in (listed(name), count_statement(frozenset({name}))):
        plan = small.plan(statement, **given)
        assert read_by_company(plan), plan


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("field", task_lists.SORTS)
def test_every_sort_stays_within_the_company_by_an_index(
    small: Seeded, field: str, descending: bool, after: bool
) -> None:
    values = {"at_value": CURSORS[field]} if after else {}
    for null in (False, True) if task_lists.SORTS[field].nullable and after else (False,):
        plan = small.plan(listed(field=field, descending=descending, after=after, null=null), **values)
        assert read_by_company(plan), plan


@pytest.mark.parametrize("finished_too", [False, True])
def test_the_tasks_that_leave_a_cycle_are_found_by_its_index(seeded: Seeded, finished_too: bool) -> None:
    found = conditions(seeded.plan(_leave_cycle(finished_too)))
    assert set(found) == {"tasks_of_cycle"}
    assert {"company_id", "cycle_id"} <= set(re.findall(r"\w+", found["tasks_of_cycle"]))


@pytest.mark.parametrize("how", PLANS)
@pytest.mark.parametrize("by_key", [False, True])
def test_what_stands_beside_a_card_is_found_in_the_order_of_its_column(seeded: Seeded, by_key: bool, how: str) -> None:
    values = {"ref": seeded.project.key} if by_key else {}
    plan = getattr(seeded, how)(_neighbour(by_key), **values, beside=seeded.values["ref"])
    found = [node for node in reads_of(plan) if node["Index Name"] == "tasks_on_board"]
    assert len(found) == 2, plan
    for node in found:
        assert {"company_id", "column_id", "rank"} <= set(re.findall(r"\w+", node["Index Cond"])), plan
    assert {node["Node Type"] for node in reads_of(plan)} <= {"Index Scan", "Index Only Scan"}, plan


# Batches

BATCH_STATEMENTS: dict[str, Statement] = {
    "projects": batches._lock_projects(by_key=False),
    "projects of keys": batches._lock_projects(by_key=True),
    "keys": batch_names.KEYS,
    "tasks": batches._tasks(leaving=False),
    "tasks with sub-tasks": batches._tasks(leaving=True),
    "boards": batches._BOARDS,
    "beside": batches._BESIDE,
    "above": task_kin.KIN_ABOVE,
    "below": task_kin.KIN_BELOW,
    "people": batches._PEOPLE,
    "external ids": batch_names.EXTERNAL_IDS,
    "changed": batch_writes._CHANGE,
    "ranked": batch_writes._RANK,
}


@pytest.mark.parametrize("name", BATCH_STATEMENTS)
def test_what_a_batch_asks_and_writes_is_found_by_indexes(seeded: Seeded, name: str) -> None:
    statement, count = BATCH_STATEMENTS[name], 20
    ids = [row[0] for row in _rows(seeded, f"select id from tasks order by id limit {count}")]
    values: dict[str, Any] = {each: ids for each in statement.order if each not in statement.given}
    named = {"projects": [seeded.project.id], "external_ids": ["x"], "for_user": seeded.firm.owner.user_id}
    named |= {"keys": [seeded.project.key] * count, "numbers": [*range(1, count + 1)]}
    named |= {"rank": ["a"] * count, "was": [1] * count, "version": [2] * count, "number": [*range(count)]}
    named |= dict.fromkeys(("title", "description", "priority", "status", "labels", "external_id"), ["x"] * count)
    named |= dict.fromkeys(
        ("completed_at", "created_at", "updated_at", "deleted_at", "recurred_at", "deadline"), [None] * count
    )
    plan = seeded.plan(statement, **values | {each: named[each] for each in named.keys() & values.keys()})
    reads = [node for node in reads_of(plan) if node["Node Type"] != "ModifyTable"]
    assert {node["Node Type"] for node in reads} <= {
        "Index Scan",
        "Index Only Scan",
        "Bitmap Heap Scan",
        "Bitmap Index Scan",
    }
    assert [each for each in conditions(plan).values() if "company_id" not in each] == []


def _rows(seeded: Seeded, asked: str) -> list[Any]:
    with seeded.entered() as connection:
        return connection.execute(asked).fetchall()


# Cycles

CYCLE_CURSORS = {
    "number": 50,
    "name": "Cycle 5",
    "starts_on": "2026-02-01",
    "ends_on": "2026-02-01",
    "created_at": AT_DATE["at_value"],
    "updated_at": AT_DATE["at_value"],
}


def listed_cycles(
    *filters: str, field: str = "number", descending: bool = True, after: bool = False, null: bool = False
) -> Statement:
    sort = Sort(field=field, descending=descending)
    shape = cycle_reader.Shape(frozenset(filters), sort, after=after, after_null=null, most=MOST, skips=False)
    return cycle_reader.page_statement(shape)


@pytest.mark.parametrize("how", PLANS)
@pytest.mark.parametrize("member", [False, True])
def test_a_projects_cycles_are_read_by_an_index_of_the_project(seeded: Seeded, member: bool, how: str) -> None:
    """They may be sorted: a project has tens of them, not thousands."""
    plan = getattr(seeded, how)(listed_cycles("project_id is", *(["member_id"] if member else [])))
    for condition in conditions(plan, "cycles").values():
        assert {"company_id", "project_id"} <= set(re.findall(r"\w+", condition)), plan
    assert reads_of(plan, "cycles")
    assert not [node for node in reads_of(plan, "cycles") if node["Node Type"] == "Seq Scan"], plan


@pytest.mark.parametrize("member", [False, True])
def test_a_cycle_is_found_by_its_id_in_one_index(seeded: Seeded, member: bool) -> None:
    found = conditions(seeded.plan(cycle_reader.one_statement(frozenset({"member_id"} if member else ()))), "cycles")
    assert set(found) == {"cycles_pkey"}
    assert {"company_id", "id"} <= set(re.findall(r"\w+", found["cycles_pkey"]))


@pytest.mark.parametrize("name", ["project_id is", "project_id among", "status", "member_id"])
def test_every_filter_of_cycles_stays_within_the_company_by_an_index(small: Seeded, name: str) -> None:
    given = several(small.values, name.partition(" ")[0]) if name in ("project_id among", "status") else {}
    for statement in (listed_cycles(name), cycle_reader.count_statement(frozenset({name}))):
        plan = small.plan(statement, **given)
        assert read_by_company(plan, "cycles"), plan


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("field", cycle_reader.SORTS)
def test_every_sort_of_cycles_stays_within_the_company_by_an_index(
    small: Seeded, field: str, descending: bool, after: bool
) -> None:
    values = {"at_value": CYCLE_CURSORS[field]} if after else {}
    for null in (False, True) if cycle_reader.SORTS[field].nullable and after else (False,):
        plan = small.plan(listed_cycles(field=field, descending=descending, after=after, null=null), **values)
        assert read_by_company(plan, "cycles"), plan


def test_deleted_tasks_are_found_among_deleted_ones_alone(seeded: Seeded) -> None:
    for filters in (("deleted",), ("deleted", "project_id is")):
        plan = seeded.plan(listed(*filters), deleted_after=datetime(2026, 1, 1, tzinfo=UTC))
        found = conditions(plan)
        assert set(found) == {"tasks_deleted"}, plan
        assert {"company_id", "deleted_at"} <= set(re.findall(r"\w+", found["tasks_deleted"]))


def test_the_cards_of_a_column_are_locked_and_counted_by_its_index(seeded: Seeded) -> None:
    column = seeded.project.columns[1]
    for statement in (column_repository._CARDS, column_reader._one(False), column_repository._BOARD_OF_COLUMN):
        assert set(conditions(seeded.plan(statement, column=column))) == {"tasks_on_board"}


# People

USER_CURSORS = {
    "name": "Robot 5",
    "username": "robot.5",
    "created_at": AT_DATE["at_value"],
    "last_login_at": AT_DATE["at_value"],
}
INVITATION_CURSORS = {
    "created_at": AT_DATE["at_value"],
    "expires_at": AT_DATE["at_value"],
    "email": "robin50@example.com",
}
PEOPLE_FILTERS = ["search", "role", "is_active"]


def listed_people(
    lists: Any, *filters: str, field: str, descending: bool = False, after: bool = False, null: bool = False
) -> Statement:
    """The list of users, or of invitations."""
    sort = Sort(field=field, descending=descending)
    shape = user_reader.Shape(frozenset(filters), sort, after=after, after_null=null, most=MOST, skips=False)
    found: Statement = lists(shape)
    return found


@pytest.mark.parametrize("filters", [*((name,) for name in PEOPLE_FILTERS), PEOPLE_FILTERS], ids="+".join)
def test_every_filter_of_users_stays_within_the_company_by_an_index(small: Seeded, filters: list[str]) -> None:
    for statement in (
        listed_people(user_reader._page, *filters, field="name"),
        user_reader._count(frozenset(filters)),
    ):
        plan = small.plan(statement)
        assert read_by_company(plan, "users"), plan


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("field", user_reader.SORTS)
def test_every_sort_of_users_stays_within_the_company_by_an_index(
    small: Seeded, field: str, descending: bool, after: bool
) -> None:
    values = {"at_value": USER_CURSORS[field]} if after else {}
    for null in (False, True) if user_reader.SORTS[field].nullable and after else (False,):
        statement = listed_people(
            user_reader._page, "is_active", field=field, descending=descending, after=after, null=null
        )
        plan = small.plan(statement, **values)
        assert read_by_company(plan, "users"), plan


@pytest.mark.parametrize("how", PLANS)
def test_the_users_of_the_biggest_company_are_read_once_and_never_those_of_others(seeded: Seeded, how: str) -> None:
    """They are sorted: a company has thousands, not millions. Reading the table for most of it is all right."""
    plan = getattr(seeded, how)(listed_people(user_reader._page, "is_active", field="name"))
    (read,) = [node for node in reads_of(plan, "users") if "Relation Name" in node]
    assert str(seeded.firm.id) in str(read) or "company_id" in str(read), plan
    assert not [node for node in nodes(plan) if node["Node Type"] == "Nested Loop"], plan


@pytest.mark.parametrize("status", [(), *((each,) for each in user_reader.InvitationStatus)], ids=str)
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("field", user_reader.INVITATION_SORTS)
def test_invitations_are_found_within_the_company_by_an_index(
    small: Seeded, field: str, after: bool, status: tuple[str, ...]
) -> None:
    values = {"at_value": INVITATION_CURSORS[field]} if after else {}
    found = [listed_people(user_reader._invitation_page, *status, field=field, after=after)]
    for statement in [*found, user_reader._invitation_count(frozenset(status))]:
        plan = small.plan(statement, **values)
        assert read_by_company(plan, "invitations"), plan


@pytest.mark.parametrize("how", PLANS)
def test_a_user_is_found_by_their_id_and_an_open_invitation_by_its_address(seeded: Seeded, how: str) -> None:
    for statement in (user_reader._ONE, user_repository._LOAD):
        plan = getattr(seeded, how)(statement)
        found = conditions(plan, "users")
        assert set(found) == {"users_pkey"}, plan
        assert {"company_id", "id"} <= set(re.findall(r"\w+", found["users_pkey"]))
        # There are so few members here that PostgreSQL may rightly read them all; never of another company.
        for node in reads_of(plan, "project_members"):
            assert "company_id" in str(node), node
    found = conditions(getattr(seeded, how)(user_repository._OPEN_FOR), "invitations")
    assert set(found) == {"invitations_open_unique"}
    assert {"company_id", "email"} <= set(re.findall(r"\w+", found["invitations_open_unique"]))


@pytest.mark.parametrize("status", [(), *((each,) for each in token_reader.ApiTokenStatus)], ids=str)
@pytest.mark.parametrize("after", [False, True])
def test_tokens_are_found_by_their_holder(seeded: Seeded, after: bool, status: tuple[str, ...]) -> None:
    wanted = frozenset(status)
    newest = Sort(field="created_at", descending=True)
    page = token_reader._page(token_reader.Shape(wanted, newest, after, after_null=False, most=MOST, skips=False))
    for statement in (page, token_reader._count(wanted), token_repository._ACTIVE_OF):
        found = conditions(seeded.plan(statement, **(AT_DATE if after and statement is page else {})), "api_tokens")
        assert set(found) == {"api_tokens_of_user"}, found
        assert {"company_id", "user_id"} <= set(re.findall(r"\w+", found["api_tokens_of_user"]))


@pytest.mark.parametrize("how", PLANS)
def test_a_token_is_found_by_its_id(seeded: Seeded, how: str) -> None:
    for statement in (token_reader._ONE, token_repository._LOAD):
        found = conditions(getattr(seeded, how)(statement), "api_tokens")
        assert set(found) == {"api_tokens_pkey"}
        assert {"company_id", "id"} <= set(re.findall(r"\w+", found["api_tokens_pkey"]))


def test_whether_usernames_are_free_and_others_own_is_asked_within_the_company(small: Seeded) -> None:
    for statement in (user_repository._TAKEN, user_repository._BY_ADDRESS, user_repository._OTHERS_OWN):
        plan = small.plan(statement, candidates=["robot.7", "robot.7000"])
        assert read_by_company(plan, "users"), plan


# Leakproof operators

SYMBOLS = {operators.eq: "=", operators.ne: "<>", operators.lt: "<", operators.gt: ">", operators.le: "<=",
           operators.ge: ">="}  # fmt: skip


def compared(core: Any) -> set[tuple[str, str, str]]:
    """Left type, operator and right type of every comparison with a column in a statement."""
    found: set[tuple[str, str, str]] = set()

    def name_of(side: Any) -> str:
        return side.type.compile(DIALECT).partition(" COLLATE")[0].lower()

    def one(left: Any, operator: Any, right: Any) -> None:
        any_of = getattr(right, "name", None) == "any"
        found.add((name_of(left), SYMBOLS[operator], name_of(left if any_of else right)))

    for element in visitors.iterate(core):
        if isinstance(element, BinaryExpression) and element.operator is operators.in_op:
            one(element.left, operators.eq, element.left)
            continue
        if not isinstance(element, BinaryExpression) or element.operator not in SYMBOLS:
            if isinstance(element, BinaryExpression):
                assert element.operator in (operators.is_, operators.is_not, operators.concat_op, operators.add,
                                            operators.sub), f"teach this test about {element.operator}"  # fmt: skip
            assert not isinstance(element, UnaryExpression) or element.operator is not operators.inv
            continue
        left, right = element.left, element.right
        if getattr(left, "name", None) == "row":
            for here, there in zip(left.clauses, right.clauses, strict=True):
                one(here, element.operator, there)
        else:
            one(left, element.operator, right)
    return found


def task_statements() -> Iterator[Any]:
    base = task_lists.select(task_lists.tasks.c.id)
    yield task_lists._filtered(base, frozenset(FILTERS))
    for by_key in (False, True):
        yield base.where(task_reader.named_task(by_key))
    for key in task_lists.SORTS.values():
        for null in (False, True):
            yield ordered(
                base,
                key=key,
                id_column=task_lists.tasks.c.id,
                sort=Sort(field="any", descending=null),
                after=True,
                after_null=null and key.nullable,
                most=MOST,
                skips=null,
            )


def project_statements() -> Iterator[Any]:
    base = task_lists.select(project_reader.projects.c.id)
    for by_key in (False, True):
        yield base.where(project_reader.named_project(by_key))
    yield base.where(project_reader.is_member_of(project_reader.projects.c.id))
    for key in project_reader.SORTS.values():
        yield ordered(
            base,
            key=key,
            id_column=project_reader.projects.c.id,
            sort=Sort(field="any"),
            after=True,
            after_null=False,
            most=MOST,
            skips=False,
        )


def cycle_statements() -> Iterator[Any]:
    base = cycle_reader.select(cycle_reader.cycles.c.id)
    yield cycle_reader._filtered(base, frozenset({"project_id is", "project_id among", "status", "member_id"}))
    for key in cycle_reader.SORTS.values():
        for null in (False, True):
            yield ordered(
                base,
                key=key,
                id_column=cycle_reader.cycles.c.id,
                sort=Sort(field="any", descending=null),
                after=True,
                after_null=null and key.nullable,
                most=MOST,
                skips=null,
            )


def people_statements() -> Iterator[Any]:
    base = task_lists.select(user_reader.users.c.id)
    yield user_reader._filtered(base, frozenset({"role", "is_active"}))
    for keys, id_column in (
        (user_reader.SORTS, user_reader.users.c.id),
        (user_reader.INVITATION_SORTS, user_reader.invitations.c.id),
    ):
        for key in keys.values():
            yield ordered(
                task_lists.select(id_column),
                key=key,
                id_column=id_column,
                sort=Sort(field="any"),
                after=True,
                after_null=False,
                most=MOST,
                skips=False,
            )


def operator_of(connection: psycopg.Connection[Any], left: str, symbol: str, right: str) -> tuple[Any, ...] | None:
    types = {"timestamp with time zone": "timestamptz"}
    return connection.execute(
        "select p.proleakproof from pg_operator o join pg_proc p on p.oid = o.oprcode"
        " where o.oprname = %s and o.oprleft = %s::regtype and o.oprright = %s::regtype",
        (symbol, types.get(left, left), types.get(right, right)),
    ).fetchone()


def test_every_operator_of_a_filter_or_cursor_is_leakproof(superuser: psycopg.Connection[Any]) -> None:
    statements = (*task_statements(), *project_statements(), *cycle_statements(), *people_statements())
    found = set().union(*map(compared, statements))
    assert {left for left, _, _ in found} >= {"uuid", "text", "date", "smallint", "integer"}
    leaking = {each for each in found if operator_of(superuser, *each) != (True,)}
    assert leaking == set()


def test_the_control_operators_that_leak_are_known_as_such(superuser: psycopg.Connection[Any]) -> None:
    for symbol, left in (("~~*", "text"), ("~", "text"), ("&&", "anyarray"), ("@>", "jsonb")):
        assert operator_of(superuser, left, symbol, left) == (False,), symbol


def test_the_control_an_operator_that_leaks_is_no_condition_of_an_index(seeded: Seeded) -> None:
    """So that a plan with an index condition proves that its operators may be one."""
    seeded.firm.sql(
        "insert into events (company_id, seq, event, channel, occurred_at, via, for_admins, body, named)"
        " select %s, n, 'noted', 'task_updates', now(), 'session', true, '{}', array[gen_random_uuid()]"
        "   from generate_series(1, 3000) n",
        (seeded.firm.id,),
    )
    seeded.firm.sql("create index events_by_named on events (company_id, named)")
    try:
        seeded.firm.sql("analyze events")
        own = f"company_id = '{seeded.firm.id}'"
        asked = f"select seq from events where named = array['{uuid.uuid4()}'::uuid] and {own}"
        as_superuser = conditions(explained(seeded.firm.connection, asked), "events")
        assert "named" in as_superuser["events_by_named"]
        with seeded.entered() as connection:
            as_application = conditions(explained(connection, asked), "events")
        assert "named" not in " ".join(as_application.values())
    finally:
        seeded.firm.sql("drop index events_by_named")
        seeded.firm.sql("delete from events where company_id = %s and seq <= 3000", (seeded.firm.id,))


def test_events_are_read_in_the_order_of_the_log(seeded: Seeded) -> None:
    seeded.firm.sql(
        "insert into events (company_id, seq, event, channel, occurred_at, via, for_admins, body, project_id)"
        " select %s, n, 'noted', 'task_updates', now(), 'session', true, '{}', %s from generate_series(1, 5000) n",
        (seeded.firm.id, seeded.project.id),
    )
    seeded.firm.sql("analyze events")
    for everything in (False, True):
        plan = seeded.plan(
            event_reader._after(everything, False), position=2500, farthest=4500, most=100, most_bytes=ANY_SIZE
        )
        reads = [node["Index Cond"] for node in reads_of(plan, "events")]
        assert len(reads) == 2, plan
        for condition in reads:
            assert {"company_id", "seq"} <= set(re.findall(r"\w+", condition)), plan
        assert not [node for node in nodes(plan) if node["Node Type"] == "Sort"], plan


@pytest.mark.parametrize("name", ["project_id", "column_id", "cycle_id", "assigned_to", "created_by"])
@pytest.mark.parametrize("status", [False, True], ids=["alone", "with a status"])
def test_what_decides_the_company_is_not_thought_rarer_for_the_company(small: Seeded, name: str, status: bool) -> None:
    """A company of a tenth of all tasks: of two conditions that are one, a tenth as many rows would be expected."""
    column, value = tasks.c[name], small.values[name]
    (count,) = small.firm.sql(f"select count(*) from tasks where {name} = %s and deleted_at is null", (value,))[0]
    query = select(tasks.c.id).where(column == bindparam(name, type_=Uuid))
    if status:
        query = query.where(tasks.c.status == bindparam("status", type_=Text))
    plan = small.plan(Statement(query))
    assert plan["Plan Rows"] >= count / (6 if status else 2)
    if name == "column_id":
        # Its index is in the order of the board, and no other order has one.
        return
    settled = small.generic_plan(listed(f"{name} is", *(("status is",) if status else ())))
    assert not any(node["Node Type"] == "Bitmap Heap Scan" for node in reads_of(settled)), settled


# Comments, watching and activity


def listed_comments(*, by_key: bool = False, member: bool = False, after: bool = False) -> Statement:
    sort = Sort(field="created_at")
    return comment_reader._page(comment_reader.Shape(by_key, member, sort, after, MOST, skips=False))


@pytest.mark.parametrize("how", PLANS)
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("member", [False, True])
def test_the_comments_on_a_task_are_read_by_the_tasks_index(
    seeded: Seeded, member: bool, after: bool, how: str
) -> None:
    plan = getattr(seeded, how)(listed_comments(member=member, after=after), **(AT_DATE if after else {}))
    found = conditions(plan, "comments")
    assert set(found) == {"comments_of_task"}, plan
    assert {"company_id", "task_id"} <= set(re.findall(r"\w+", found["comments_of_task"])), plan
    assert set(conditions(plan, "comment_mentions")) == {"comment_mentions_pkey"}, plan


def test_a_comment_is_found_and_locked_by_indexes_alone(seeded: Seeded) -> None:
    answered = {"parent": seeded.values["comment"]}
    for statement, values in (
        (comment_reader._one(False), {}),
        (comment_reader._one(True), {}),
        (comment_repository._LOCK, {}),
        (comment_repository._LOAD, {}),
        (comment_repository._ANSWERED, {}),
        (comment_repository._PARENT, answered),
        (comment_repository._LOCK_PARENT, answered),
        (comment_repository._LOCK_PROJECT_OF_COMMENT, {}),
    ):
        plan = seeded.plan(statement, **values)
        assert set(conditions(plan, "comments")) <= {"comments_pkey", "comments_of_parent"}, plan
        assert read_by_company(plan, "comments"), plan


@pytest.mark.parametrize("how", PLANS)
def test_whether_a_task_is_watched_is_looked_up_by_its_key(both: tuple[Seeded, Seeded], how: str) -> None:
    for company in both:
        for statement, values in (
            (listed("project_id is"), {}),
            (listed(), {}),
            (task_reader._one(False, False), {}),
            (task_reader._cards(False, False), {"ref": company.project.id, "most": 500}),
        ):
            plan = getattr(company, how)(statement, **values)
            found = conditions(plan, "task_watchers")
            assert set(found) == {"task_watchers_pkey"}, plan
            columns = {"company_id", "task_id", "user_id"}
            assert columns <= set(re.findall(r"\w+", found["task_watchers_pkey"])), plan


# What is asked, the index that it is read by, and the columns in its condition.
ACTIVITY = {
    "company": ("events_pkey", {"company_id"}),
    "one project": ("events_of_project", {"company_id", "project_id"}),
    "task by id": ("events_of_task", {"company_id", "task_id"}),
    "task by key": ("events_of_task", {"company_id", "task_id"}),
}


@pytest.mark.parametrize("mode", ["auto", "force_generic_plan"])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("of", "everything"),
    [(of, everything) for of in ACTIVITY for everything in (False, True) if everything or of.startswith("task")],
)
def test_activity_is_read_newest_first_by_an_index_and_no_more_than_a_page_of_it(
    seeded: Seeded, of: str, everything: bool, after: bool, mode: str
) -> None:
    index, columns = ACTIVITY[of]
    shape = activity_reader.Shape(everything, of, member=not everything and of.startswith("task"))
    statement = activity_reader._page(activity_reader.PageShape(shape, True, after, MOST, skips=False))
    values: dict[str, Any] = {"at_value": 50_000} if after else {}
    if of == "task by key":
        values["ref"] = seeded.project.key
    plan, generic = seeded.carried_out(statement, mode=mode, **values)
    assert generic > 0 or mode == "auto"
    found = conditions(plan, "events")
    assert set(found) == {index}, plan
    assert columns | ({"seq"} if after else set()) <= set(re.findall(r"\w+", found[index])), plan
    (read,) = reads_of(plan, "events")
    assert read["Actual Rows"] * read["Actual Loops"] <= MOST, plan


@pytest.fixture(scope="module")
def quiet(both: tuple[Seeded, Seeded]) -> Iterator[uuid.UUID]:
    """Somebody who belongs to none of the projects that the log is full of, but to a quiet one."""
    firm = both[0].firm
    project = firm.project()
    person = firm.user(projects=[project]).user_id
    inserted = (
        "insert into events (company_id, seq, event, channel, occurred_at, via, for_admins, body, for_everyone, named,"
        " project_id) values (%s, %s, 'noted', 'task_updates', now(), 'session', true, '{}', %s, %s, %s)"
    )
    told = [(True, [], None), (False, [person], None), (False, [uuid.uuid4()], None), (False, [], project.id)]
    for n, audience in enumerate(told * 5):
        firm.sql(inserted, (firm.id, 1_000_000 + n, *audience))
    yield person
    firm.sql("delete from events where seq >= 1000000")


@pytest.mark.parametrize("mode", ["auto", "force_generic_plan"])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("of", "everything"), [("company", False), ("projects", False), ("projects", True)])
def test_activity_of_several_projects_reads_no_more_than_a_page_of_each(
    seeded: Seeded, quiet: uuid.UUID, of: str, everything: bool, after: bool, mode: str
) -> None:
    shape = activity_reader.PageShape(activity_reader.Shape(everything, of), True, after, MOST, skips=False)
    statement = activity_reader._page(shape)
    values: dict[str, Any] = {"at_value": 50_000} if after else {}
    projects = [row[0] for row in seeded.firm.sql("select id from projects where company_id = %s", (seeded.firm.id,))]
    for member in (quiet, seeded.values["member_id"]):
        plan, _ = seeded.carried_out(statement, mode=mode, **values, member_id=member, projects=projects[:3])
        found = conditions(plan, "events")
        assert set(found) <= {"events_of_project", "events_for_named", "events_pkey"}, plan
        for read in reads_of(plan, "events"):
            assert "company_id" in read["Index Cond"]
            seen = read["Actual Rows"] + read.get("Rows Removed by Filter", 0)
            assert seen <= MOST, plan
            assert read["Actual Loops"] <= max(len(projects), MOST), plan


@pytest.mark.parametrize(
    ("statement", "columns"),
    [
        (report_reader.PERFORMANCE, {"company_id", "assigned_to"}),
        (report_reader.WORKLOAD, {"company_id", "assigned_to", "status"}),
        (report_reader.MY_PROJECTS, {"company_id", "project_id"}),
        (report_reader.project_statement(False, False), {"company_id", "project_id"}),
    ],
    ids=["performance", "workload", "my projects", "a project"],
)
def test_reports_count_tasks_by_an_index_and_read_none(seeded: Seeded, statement: Statement, columns: set[str]) -> None:
    plan = seeded.settled_plan(statement, ref=seeded.project.id, most=100)
    (read,) = reads_of(plan)
    assert (read["Node Type"], read["Index Name"]) == ("Index Only Scan", "tasks_by_standing")
    found = set(re.findall(r"\b(company_id|project_id|status|assigned_to)\b", read["Index Cond"]))
    # Of several statuses some versions look into the entries that they read anyhow.
    assert columns - {"status"} <= found <= columns


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("member", [False, True])
def test_a_dashboard_reads_the_newest_tasks_of_an_assignee_in_order_and_no_more_than_it_shows(
    both: tuple[Seeded, Seeded], member: bool, mode: str
) -> None:
    for company in both:
        plan, _ = company.carried_out(report_reader.recent_statement(member, most=10), mode=mode)
        is_read_in_its_own_order(plan, "tasks_of_assignee", {"company_id", "assigned_to"})
        assert plan["Actual Rows"] == 10
        (read,) = reads_of(plan)
        # A member's leave out what is in projects of others.
        assert read["Actual Rows"] + read.get("Rows Removed by Filter", 0) <= (10 if not member else 100), plan


@pytest.mark.parametrize("mode", MODES)
def test_a_dashboard_counts_the_tasks_of_my_projects_by_an_index_alone_and_each_of_them_once(
    both: tuple[Seeded, Seeded], mode: str
) -> None:
    for company in both:
        count = company.firm.sql(
            "select count(*) from project_members m join tasks t using (company_id, project_id)"
            " where m.user_id = %s and t.deleted_at is null",
            (company.values["member_id"],),
        )[0][0]
        plan, _ = company.carried_out(report_reader.MY_PROJECTS, mode=mode, most=100)
        (read,) = reads_of(plan)
        assert (read["Node Type"], read["Index Name"]) == ("Index Only Scan", "tasks_by_standing")
        # A mean of so many rounds is rounded.
        assert read["Actual Rows"] * read["Actual Loops"] <= count + read["Actual Loops"], plan


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("member", [False, True])
def test_a_dashboard_reads_the_newest_that_somebody_has_not_read_and_not_many_more(
    seeded: Seeded, member: bool, mode: str
) -> None:
    user = seeded.values["member_id"]
    statement, values = notification_reader.newest_unread(
        VisibleNotifications(user_id=user, member_id=user if member else None), most=10
    )
    plan, _ = seeded.carried_out(statement, mode=mode, **values)
    assert set(conditions(plan, "notifications")) == {"notifications_unread"}, plan
    (read,) = reads_of(plan, "notifications")
    assert read["Actual Rows"] <= 3 * 10, plan


def test_what_is_not_counted_yet_is_found_by_its_position(seeded: Seeded) -> None:
    plan = seeded.settled_plan(report_reader.PENDING, most=1_000)
    read = conditions(plan, "events")
    assert set(read) == {"events_pkey"} and "seq" in read["events_pkey"]


def test_where_the_tasks_of_what_is_not_counted_yet_stood_is_looked_up_by_their_ids(seeded: Seeded) -> None:
    with seeded.entered() as connection:
        # Of a company that has just begun to grow few tasks are expected, and then any way seems good enough.
        for way in ("hashjoin", "mergejoin", "seqscan", "bitmapscan"):
            connection.execute(f"set local enable_{way} = off")
        plan = seeded.plan(report_reader.PENDING, most=1_000)
    for table, column in (("tasks", "(id = "), ("counted_tasks", "(task_id = ")):
        (read,) = reads_of(plan, table)
        assert column in read["Index Cond"], table


@pytest.mark.parametrize("mode", ["auto", "force_generic_plan"])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("unread", [None, True])
@pytest.mark.parametrize("member", [False, True])
def test_an_inbox_is_read_newest_first_by_its_index_and_not_much_more_than_a_page_of_it(
    seeded: Seeded, member: bool, unread: bool | None, after: bool, mode: str
) -> None:
    inbox = notification_reader.Shape(member, unread)
    shape = notification_reader.PageShape(inbox, descending=True, after=after, most=MOST, skips=False)
    values: dict[str, Any] = {"user": seeded.values["member_id"]} | ({"at_value": 30_000} if after else {})
    plan, _ = seeded.carried_out(notification_reader.page_statement(shape), mode=mode, **values)
    found = conditions(plan, "notifications")
    assert set(found) == {"notifications_unread" if unread else "notifications_inbox"}, plan
    (condition,) = found.values()
    assert {"company_id", "user_id"} | ({"seq"} if after else set()) <= set(re.findall(r"\w+", condition)), plan
    (read,) = reads_of(plan, "notifications")
    # Of deleted tasks, and of projects that a member does not belong to, nothing is told.
    assert read["Actual Rows"] <= 3 * MOST, plan


@pytest.mark.parametrize("mode", MODES)
def test_what_an_inbox_tells_of_is_looked_up_once_a_notification_and_a_members_projects_once(
    seeded: Seeded, mode: str
) -> None:
    """Of who left the projects a whole inbox is hidden, and read to its end."""
    shape = notification_reader.PageShape(notification_reader.Shape(True, None), True, False, MOST, False)
    values = {"user": seeded.values["member_id"]}
    plan, _ = seeded.carried_out(notification_reader.page_statement(shape), mode=mode, times=1, **values)
    inside = [node for node in nodes(plan) if "SubPlan" in node.get("Subplan Name", "")]
    assert sum(node["Actual Loops"] for each in inside for node in reads_of(each, "project_members")) == 1, plan


def test_what_is_read_at_once_is_found_by_its_position(seeded: Seeded) -> None:
    values = {"user": seeded.values["member_id"], "up_to": 30_000}
    plan = seeded.settled_plan(notification_repository._read_all(True), **values)
    assert set(conditions(plan, "notifications")) == {"notifications_unread"}


@pytest.mark.parametrize("how", PLANS)
def test_deadlines_that_are_near_are_found_by_their_index(seeded: Seeded, how: str) -> None:
    values = {"day": date(2026, 3, 1), "next": date(2026, 3, 2), "most": 500}
    plan = getattr(seeded, how)(deadlines.DUE, **values)
    found = conditions(plan)
    assert set(found) == {"tasks_due"}, plan
    assert {"company_id", "deadline"} <= set(re.findall(r"\w+", found["tasks_due"])), plan
    assert not any(node["Node Type"] == "Seq Scan" and node["Relation Name"] == "tasks" for node in nodes(plan))


def test_what_may_concern_somebody_is_found_by_its_position(seeded: Seeded) -> None:
    plan = seeded.settled_plan(notifying._CAUSES, after=10, head=300, most=200)
    read = conditions(plan, "events")
    assert set(read) == {"events_pkey"} and "seq" in read["events_pkey"]


@pytest.mark.parametrize("how", PLANS)
def test_who_belongs_to_what_is_looked_up_pair_by_pair(seeded: Seeded, how: str) -> None:
    asked = told.members_among({(seeded.values["project_id"], seeded.values["member_id"])})
    plan = getattr(seeded, how)(asked.statement, **asked.values)
    assert set(conditions(plan, "project_members")) <= {"project_members_pkey", "project_members_of_user"}, plan


@pytest.mark.parametrize("descending", [True, False])
def test_dead_letters_are_found_among_all_that_arrived(seeded: Seeded, descending: bool) -> None:
    hook, sort = uuid.uuid4(), Sort(field="created_at", descending=descending)
    page = webhook_reader._page(webhook_reader.Shape(("dead",), sort, False, MOST, False))
    with seeded.entered() as connection:
        connection.execute(
            "insert into webhooks (id, url, description, types, channels, project_ids, is_active, sealed_secret,"
            " sealed_previous_secret, failures, after_seq, version, created_at, updated_at)"
            " values (%s, 'https://hooks.example', '', '{}', '{}', '{}', true, '', '', 0, 0, 1, now(), now())",
            (hook,),
        )
        connection.execute(
            "insert into webhook_deliveries (id, webhook_id, stream, event, seqs, state, attempts, in_order, delayed,"
            " due_at, created_at, finished_at)"
            " select gen_random_uuid(), %s, gen_random_uuid(), 'task_created', '{1}',"
            "        case when n %% 500 = 0 then 'dead' else 'delivered' end, 1, true, false, now(),"
            "        now() - make_interval(secs => n), now()"
            "   from generate_series(1, 5000) n",
            (hook,),
        )
        for statement in (page, webhook_reader._beside(("dead",), True)):
            given = [sql.Literal(each) for each in seeded.parameters(statement, {"webhook": hook})]
            text = re.sub(r"\$(\d+)", lambda found: given[int(found[1]) - 1].as_string(connection), statement.text)
            plan = explained(connection, text, options="analyze")
            reads = reads_of(plan, "webhook_deliveries")
            assert {each.get("Index Name") for each in reads} == {"webhook_deliveries_dead"}, plan
            assert sum(each["Actual Rows"] for each in reads) == 10
        raise psycopg.Rollback
