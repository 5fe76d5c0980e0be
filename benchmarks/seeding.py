"""The data that is measured on: databases beside each other in one embedded PostgreSQL, filled by SQL.

What the product itself has to make, accounts that can sign in and their companies, is registered over HTTP; all else is
written by the cluster's superuser, whom row-level security does not bind.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.numeric import Int8

from adapters.postgres_embedded.server import EmbeddedPostgres
from benchmarks.servers import Server, migrate

PASSWORD = "sixteen keen otters measure time"
# Every fifth task bears one of them, and every third is in its project's cycle.
LABELS = ("bug", "chore", "idea", "question")


class Size(NamedTuple):
    """How many tasks in how many companies; `biggest` of them are one company's, the others share the rest."""

    companies: int
    tasks: int
    biggest: int

    def __str__(self) -> str:
        return f"{self.tasks:,} tasks in {self.companies:,} companies"


class Urls(NamedTuple):
    """One database, as three roles."""

    superuser: str
    owner: str
    application: str


class Company(NamedTuple):
    """A company that is measured: its owner's access token, and what stands in it."""

    id: UUID
    token: str
    owner_id: UUID
    project_ids: list[UUID]
    first_columns: list[UUID]
    cycle_ids: list[UUID]
    task_ids: list[UUID]


class Cluster(NamedTuple):
    """The running PostgreSQL."""

    folder: Path
    superuser_url: str
    owner_password: str
    application_password: str
    version: str

    def make_database(self, name: str) -> Urls:
        """A new database, at the present revision."""
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("create database {} owner bench_owner template template0").format(sql.Identifier(name))
            )
        urls = Urls(
            superuser=_at(self.superuser_url, name),
            owner=_at(self.superuser_url, name, "bench_owner", self.owner_password),
            application=_at(self.superuser_url, name, "bench_app", self.application_password),
        )
        migrate(folder=self.folder, owner_url=urls.owner, application_url=urls.application)
        return urls


@contextmanager
def cluster(folder: Path, *, name: str = "postgres", tells_commits: bool = False) -> Iterator[Cluster]:
    """The product's embedded PostgreSQL as it is, durable commits included, in a folder of its own. `tells_commits`: it
    remembers when each transaction was committed, which it does not by default.
    """
    server = EmbeddedPostgres(folder=folder / name)
    url = server.start()
    try:
        if tells_commits:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("alter system set track_commit_timestamp = on")
            server.stop()
            url = server.start()
        password = secrets.token_urlsafe(16)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("create role bench_owner login createrole password {}").format(sql.Literal(password))
            )
            found = connection.execute("show server_version").fetchone()
            assert found is not None
        yield Cluster(folder, url, password, secrets.token_urlsafe(16), found[0])
    finally:
        server.stop()


def register(server: Server, *, count: int) -> list[tuple[UUID, UUID, str]]:
    """Opens companies over HTTP: each one's id, its owner's id, and the owner's access token."""
    opened = []
    for place in range(count):
        body = {
            "email": f"owner{place}@bench.example.com",
            "password": PASSWORD,
            "name": f"Owner {place}",
            "username": f"owner{place}",
            "company_name": f"Measured company {place}",
        }
        answer = server.ask("POST", "/api/v1/auth/register", body=body)
        if answer.status != 201:
            raise RuntimeError(f"the bench could not register: {answer}")
        shown = answer.body
        opened.append((UUID(shown["company"]["id"]), UUID(shown["user"]["id"]), shown["access_token"]))
    return opened


def sign_in(server: Server, place: int, *, count: int) -> list[str]:
    """More access tokens of the owner who was registered at that place, each of a login session of its own."""
    body = {"email": f"owner{place}@bench.example.com", "password": PASSWORD}
    answers = [server.ask("POST", "/api/v1/auth/login", body=body) for _ in range(count)]
    return [answer.body["access_token"] for answer in answers]


def fill(urls: Urls, opened: list[tuple[UUID, UUID, str]], size: Size) -> list[Company]:
    """Writes the other companies, and everybody's tasks. The first that was opened is the biggest."""
    with psycopg.connect(urls.superuser, autocommit=True) as connection:
        # Only for the seeding session: what is read later was checked by the statements that made it.
        for setting in ("session_replication_role = replica", "synchronous_commit = off", "work_mem = '256MB'",
                        "maintenance_work_mem = '512MB'"):  # fmt: skip
            connection.execute(f"set {setting}")
        values = {
            "opened": [company for company, _, _ in opened],
            "companies": Int8(size.companies),
            "tasks": Int8(size.tasks),
            "biggest": Int8(size.biggest),
            "labels": list(LABELS),
            "projects": 4,
            "big_projects": 20 if size.biggest > size.tasks // size.companies else 4,
        }
        indexes = connection.execute(_INDEXES).fetchall()
        for name, _ in indexes:
            connection.execute(sql.SQL("drop index {}").format(sql.Identifier(name)))
        for statement in _FILL:
            connection.execute(statement, values)
        for _, definition in indexes:
            connection.execute(definition)
        connection.execute("vacuum (analyze)")
        connection.execute("checkpoint")
        return [_company(connection, *each) for each in opened]


def _company(connection: psycopg.Connection, company: UUID, owner: UUID, token: str) -> Company:
    projects = connection.execute(
        "select p.id, (select c.id from board_columns c where c.company_id = p.company_id and c.project_id = p.id"
        " order by c.position limit 1), (select c.id from cycles c where c.company_id = p.company_id"
        " and c.project_id = p.id) from projects p where p.company_id = %s order by p.key",
        [company],
    ).fetchall()
    tasks = connection.execute(
        "select id from tasks where company_id = %s order by md5(id::text) limit 100", [company]
    ).fetchall()
    return Company(
        company,
        token,
        owner,
        *([row[place] for row in projects] for place in range(3)),
        [each for (each,) in tasks],
    )


def _at(url: str, database: str, user: str | None = None, password: str | None = None) -> str:
    parts = urlsplit(url)
    place = parts.netloc if user is None else f"{user}:{quote(password or '')}@"
    return urlunsplit(parts._replace(netloc=place, path=f"/{database}"))


_INDEXES = """
select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
  from pg_index i
 where i.indrelid = 'tasks'::regclass
   and not exists (select from pg_constraint c where c.conindid = i.indexrelid)
"""

_FILL = (
    # The companies, in order: those that were registered first.
    """
    create temporary table filled as
    select n as place, coalesce((%(opened)s::uuid[])[n + 1], uuidv7()) as company_id
      from generate_series(0, %(companies)s - 1) n
    """,
    """
    insert into companies (id, name, code, version, created_at, updated_at)
    select company_id, 'Company ' || place, 'company-' || place, 1, now(), now()
      from filled where place >= cardinality(%(opened)s::uuid[])
    """,
    """
    insert into event_sequences (company_id, last_seq)
    select company_id, 0 from filled where place >= cardinality(%(opened)s::uuid[])
    """,
    # Five users each; a registered company has its owner already.
    """
    create temporary table staff as
    select f.place, f.company_id, m as ordinal, uuidv7() as account_id, uuidv7() as user_id
      from filled f cross join generate_series(0, 4) m
     where m > 0 or f.place >= cardinality(%(opened)s::uuid[])
    """,
    """
    insert into accounts (id, email, name, claimed_at, version, created_at, updated_at)
    select account_id, format('user%%s@company%%s.example.com', ordinal, place), 'Person ' || ordinal, now(), 1, now(),
           now()
      from staff
    """,
    """
    insert into users (company_id, id, account_id, kind, name, email, username, role, is_active, accepted_at,
                       version, created_at, updated_at)
    select company_id, user_id, account_id, 'person', 'Person Number ' || ordinal,
           format('user%%s@company%%s.example.com', ordinal, place), 'user' || ordinal,
           case ordinal when 0 then 'owner' else 'member' end, true, now(), 1, now(), now()
      from staff
    """,
    """
    create temporary table people as
    select f.place, u.company_id, array_agg(u.id order by u.role = 'owner' desc, u.username) as ids
      from filled f join users u using (company_id) group by 1, 2
    """,
    """
    create temporary table plans as
    select f.place, f.company_id, p as ordinal, uuidv7() as project_id, array[uuidv7(), uuidv7(), uuidv7(), uuidv7()]
           as column_ids, uuidv7() as cycle_id
      from filled f
     cross join lateral generate_series(0, case f.place when 0 then %(big_projects)s else %(projects)s end - 1) p
    """,
    """
    insert into projects (company_id, id, key, name, description, status, is_active, created_by, version, created_at,
                          updated_at)
    select p.company_id, p.project_id, 'PRJ' || p.ordinal, 'Project number ' || p.ordinal, 'What it is for',
           'in_progress', true, q.ids[1], 1, now(), now()
      from plans p join people q using (place)
    """,
    """
    insert into project_keys (company_id, key, project_id)
    select company_id, 'PRJ' || ordinal, project_id from plans
    """,
    """
    insert into project_members (company_id, project_id, user_id, added_at)
    select p.company_id, p.project_id, unnest(q.ids), now() from plans p join people q using (place)
    """,
    """
    insert into board_columns (company_id, id, project_id, name, category, position, version, created_at, updated_at)
    select company_id, column_ids[c + 1], project_id, (array['To do', 'In progress', 'In review', 'Done'])[c + 1],
           (array['todo', 'in_progress', 'in_progress', 'done'])[c + 1], c, 1, now(), now()
      from plans cross join generate_series(0, 3) c
    """,
    """
    insert into cycles (company_id, id, project_id, number, name, s3_prefix, status, started_at, version, created_at,
                        updated_at)
    select company_id, cycle_id, project_id, 1, 'Cycle 1', format('prj%%s/1', ordinal), 'active', now(), 1, now(), now()
      from plans
    """,
    """
    create temporary table marks as
    select f.company_id, f.place, array_agg(uuidv7() order by n) as ids
      from filled f cross join generate_series(1, cardinality(%(labels)s::text[])) n group by 1, 2
    """,
    """
    insert into labels (company_id, id, name, folded, version, created_at, updated_at)
    select company_id, ids[n], (%(labels)s::text[])[n], (%(labels)s::text[])[n], 1, now(), now()
      from marks cross join generate_series(1, cardinality(%(labels)s::text[])) n
    """,
    # Tasks of all companies come in turns, as time would have written them, so that no company's rows lie together.
    """
    insert into tasks (company_id, id, project_id, number, title, description, priority, status, column_id, rank,
                       deadline, assigned_to, created_by, completed_at, version, created_at, updated_at, cycle_id,
                       label_names)
    with dealt as (
      select n, case when %(biggest)s * %(companies)s = %(tasks)s then n %% %(companies)s
                     when n %% (%(tasks)s / %(biggest)s) = 0 then 0
                     else 1 + (n - n / (%(tasks)s / %(biggest)s)) %% (%(companies)s - 1) end as place,
             now() - (%(tasks)s - n) * interval '7.000123 seconds' as at
        from generate_series(0, %(tasks)s - 1) n
    ), counted as (
      select d.*, row_number() over (partition by place order by n) - 1 as turn from dealt d
    )
    select p.company_id, uuidv7(c.at - now()), p.project_id, c.turn / p.among + 1,
           'Task number ' || c.turn || ' of what has to be done',
           case when c.turn %% 3 > 0 then
             'What this task is about, in a sentence or two, so that whoever takes it up knows where to begin. ' || c.n
           end,
           (array['low', 'medium', 'high', 'urgent'])[1 + c.turn * 7919 / 1000 %% 4],
           (array['todo', 'in_progress', 'in_progress', 'done'])[1 + c.turn / p.among %% 4],
           p.column_ids[1 + c.turn / p.among %% 4], lpad(c.turn::text, 8, '0'),
           case when c.turn %% 2 = 0 then current_date + (c.turn %% 60)::integer end,
           case when c.turn %% 6 > 0 then q.ids[c.turn %% 6] end, q.ids[1],
           case when c.turn / p.among %% 4 = 3 then c.at + interval '1.000321 seconds' end,
           1 + c.turn %% 3, c.at, c.at + interval '2.000456 seconds',
           case when c.turn / p.among %% 3 = 0 then p.cycle_id end,
           case when c.turn %% 5 = 0 then array[(%(labels)s::text[])[1 + c.turn * 7907 / 1000 %% 4]] else '{}' end
      from counted c
      join (select *, count(*) over (partition by place) as among from plans) p
        on p.place = c.place and p.ordinal = c.turn %% p.among
      join people q on q.place = c.place
     order by c.n
    """,
    """
    insert into task_labels (company_id, task_id, label_id, created_at)
    select t.company_id, t.id, m.ids[array_position(%(labels)s::text[], t.label_names[1])], t.created_at
      from tasks t join marks m using (company_id)
     where t.label_names <> '{}'
    """,
    # No trigger works while this is written. Whoever registered has opened a project or two by hand.
    """
    insert into search_documents (company_id, ref_id, kind, project_id, words)
    select company_id, id, 'task', project_id, search_vector(company_id, title, description) from tasks
    on conflict do nothing
    """,
    """
    insert into search_documents (company_id, ref_id, kind, project_id, words)
    select company_id, id, 'project', id, search_vector(company_id, key || ' ' || name, description) from projects
    on conflict do nothing
    """,
    """
    update projects p set last_number = n.most
      from (select company_id, project_id, max(number) as most from tasks group by 1, 2) n
     where p.company_id = n.company_id and p.id = n.project_id
    """,
)
