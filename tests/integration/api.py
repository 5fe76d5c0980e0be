"""The API as tests use it: people who are signed in, and what they send."""

import base64
import csv
import io
import itertools
import json
import uuid
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import psycopg

PASSWORD = "Tr0ub4dor and three"
# What nothing is called: the same in each run, for tests that are called by what they are given.
NOBODYS_ID = "01920000-0000-7000-8000-0000000000ff"
_numbers = itertools.count(1)


def shown(answer: httpx.Response) -> Any:
    """What an answer shows: JSON, or the rows of a file."""
    if answer.headers["content-type"].startswith("text/csv"):
        return list(csv.DictReader(io.StringIO(answer.text, newline="")))
    return answer.text if answer.headers["content-type"].startswith("text/event-stream") else answer.json()


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A signed-in user of one company."""

    client: httpx.AsyncClient
    token: str
    email: str
    user: dict[str, Any]
    company: dict[str, Any]

    @property
    def user_id(self) -> str:
        return str(self.user["id"])

    @property
    def company_id(self) -> str:
        return str(self.company["id"])

    @property
    def session_id(self) -> str:
        """The login session of the token."""
        claims = self.token.split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sid"])

    async def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Sends a request as this person; `path` is below /api/v1."""
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return await self.client.request(method, f"/api/v1{path}", headers=headers, **more)

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.send("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return (
            await self.send("POST", path, json=body, **more)
            if body is not None
            else await self.send("POST", path, **more)
        )

    async def patch(self, path: str, body: Any, **more: Any) -> httpx.Response:
        return await self.send("PATCH", path, json=body, **more)

    async def delete(self, path: str, **more: Any) -> httpx.Response:
        return await self.send("DELETE", path, **more)

    async def project(self, **fields: Any) -> dict[str, Any]:
        """Opens a project."""
        answer = await self.post("/projects", {"name": f"Project {next(_numbers)}", **fields})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def task(self, project: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """Creates a task in a project."""
        answer = await self.post("/tasks", {"project_id": project["id"], "title": "A task", **fields})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def cycle(self, project: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """Plans a cycle of a project."""
        answer = await self.post("/cycles", {"project_id": project["id"], "name": "A cycle", **fields})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def board(self, project: dict[str, Any]) -> dict[str, Any]:
        """A project's board."""
        return dict((await self.get(f"/projects/{project['id']}/board")).json())


class Kept:
    """A connection as the superuser that is kept from one question to the next: to sign in is what takes the time."""

    def __init__(self, superuser_url: str) -> None:
        self._superuser_url = superuser_url
        self._connection: psycopg.Connection[Any] | None = None

    def ask(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return _asked(self._opened(), statement, values)
        except psycopg.OperationalError:
            # Some tests end all connections of a database.
            if not self._opened().closed:
                raise
        self.close()
        return _asked(self._opened(), statement, values)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _opened(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            self._connection = psycopg.connect(self._superuser_url, autocommit=True)
        return self._connection


def _asked(connection: psycopg.Connection[Any], statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    cursor = connection.execute(statement, values)
    return cursor.fetchall() if cursor.description else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The product's API, and the few things that it cannot yet be asked for."""

    client: httpx.AsyncClient
    superuser_url: str
    kept: Kept | None = None

    async def register(self, **fields: Any) -> Person:
        """A newcomer with a company of their own."""
        number = next(_numbers)
        given = {"email": f"person{number}@example.com", "name": f"Robin {number}", "password": PASSWORD, **fields}
        answer = await self.client.post("/api/v1/auth/register", json=given)
        assert answer.status_code == 201, answer.text
        return self._person(answer, given["email"])

    async def login(self, email: str, **fields: Any) -> Person:
        """The same person on another device, or in another company."""
        answer = await self.client.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD, **fields})
        assert answer.status_code == 200, answer.text
        return self._person(answer, email)

    async def colleague(
        self, of: Person, *, role: str = "member", projects: tuple[dict[str, Any], ...] = (), who: Person | None = None
    ) -> Person:
        """Somebody else in a company: a new person, or `who` with one more membership."""
        who = who or await self.register()
        user_id = uuid.uuid4()
        self.sql(
            "insert into users (company_id, id, account_id, kind, name, email, username, role, is_active, accepted_at,"
            " version, created_at, updated_at)"
            " select %s, %s, account_id, 'person', name, email, %s, %s, true, now(), 1, now(), now()"
            " from users where id = %s",
            (of.company_id, user_id, f"u{next(_numbers)}", role, who.user_id),
        )
        for project in projects:
            self.add_member(of.company_id, project["id"], user_id)
        return await self.login(who.email, company_id=of.company_id)

    def add_member(self, company_id: str, project_id: str, user_id: UUID | str) -> None:
        """Makes a user a member of a project."""
        self.sql(
            "insert into project_members (company_id, project_id, user_id, added_at) values (%s, %s, %s, now())",
            (company_id, project_id, user_id),
        )

    def delivery(self, webhook_id: str) -> str:
        """A message to a webhook that was given up."""
        (row,) = self.sql(
            "insert into webhook_deliveries (company_id, id, webhook_id, stream, event, seqs, state, attempts, in_order,"
            " delayed, due_at, created_at, finished_at) select company_id, gen_random_uuid(), id, company_id,"
            " 'task_created', '{}', 'dead', 1, true, false, now(), now(), now() from webhooks where id = %s"
            " returning id::text",
            (webhook_id,),
        )
        return str(row[0])

    def notification(self, of: Person) -> str:
        """Something that somebody was told, of a project of theirs that is gone, or of none."""
        (row,) = self.sql(
            "insert into notifications (company_id, id, seq, user_id, kind, cause, event, task_count, created_at)"
            " select company_id, gen_random_uuid(), last_seq, %s, 'assigned',"
            " (select coalesce(max(cause), 0) + 1 from notifications where company_id = %s), 'task_created', 2, now()"
            " from event_sequences where company_id = %s returning id::text",
            (of.user_id, of.company_id, of.company_id),
        )
        return str(row[0])

    def job(self, of: Person) -> str:
        """A job that somebody asked for, and nobody carries out."""
        (row,) = self.sql(
            "insert into jobs (company_id, id, kind, state, unit, done, created_by, via, attempts, created_at)"
            " values (%s, gen_random_uuid(), 'task_import', 'queued', 'rows', 0, %s, 'session', 0, now())"
            " returning id::text",
            (of.company_id, of.user_id),
        )
        return str(row[0])

    def sql(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """What the database says when nobody stands in the way: as the superuser."""
        if self.kept is not None:
            return self.kept.ask(statement, values)
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            return _asked(connection, statement, values)

    def count(self, table: str, company_id: str) -> int:
        """How many rows a company has in a table."""
        return int(self.sql(f"select count(*) from {table} where company_id = %s", (company_id,))[0][0])

    def _person(self, answer: httpx.Response, email: str) -> Person:
        body = answer.json()
        return Person(
            client=self.client, token=body["access_token"], email=email, user=body["user"], company=body["company"]
        )
