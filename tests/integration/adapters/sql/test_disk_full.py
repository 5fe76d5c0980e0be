"""A disk that is really full: what is stored can be read, nothing is half written, and room is all that it takes."""

import random
import string
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from adapters.sql.migrating import migrate
from entrypoints.settings import Settings
from tests.integration.api import Api, Person
from tests.integration.conftest import Server, TestDatabase, make_owner, quick_container, running
from tests.small_disk import with_small_disk

# What cannot be compressed, so that it takes the room that it has letters.
_CHANCE = random.Random(4)
FILL = """
create table filler (content text) with (autovacuum_enabled = off, toast.autovacuum_enabled = off);
alter table filler alter content set storage external;
do $$
declare size integer := 1000000;
begin
  loop
    begin
      insert into filler select string_agg(md5(random()::text), '') from generate_series(1, size / 32);
    exception when disk_full then
      exit when size < 2000;
      size := size / 10;
    end;
  end loop;
end $$
"""
WRITTEN = """
select (select count(*) from tasks), (select max(last_number) from projects), (select count(*) from idempotency_keys),
       (select count(*) from events where event = 'task_created'), (select count(*) from events),
       (select max(seq) from events), (select max(last_seq) from event_sequences)
"""


@pytest.fixture(scope="module")
def database() -> Iterator[TestDatabase]:
    """A migrated database whose tables are on a disk of 48 MB."""
    with with_small_disk() as disk:
        make_owner(disk.superuser_url)
        database = Server(superuser=disk.superuser_url).database("small")
        with psycopg.connect(disk.superuser_url, autocommit=True) as connection:
            connection.execute(sql.SQL("create tablespace small location {}").format(sql.Literal(disk.folder)))
            connection.execute("alter database small set tablespace small")
        migrate(owner_url=database.owner, application_url=database.application)
        yield database


@pytest.fixture(scope="module")
def superuser(database: TestDatabase) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def api(database: TestDatabase, settings: Settings) -> AsyncIterator[Api]:
    async with running(quick_container(settings, database_url=database.product)) as client:
        yield Api(client=client, superuser_url=database.superuser)


def letters(count: int) -> str:
    return "".join(_CHANCE.choices(string.ascii_letters, k=count))


async def test_writes_are_refused_whole_reads_go_on_and_room_is_all_that_it_takes(
    api: Api, superuser: psycopg.Connection[Any]
) -> None:
    ann = await api.register()
    project = await ann.project(name="Website")
    first = await ann.task(project, title="Written while there was room")
    superuser.execute(FILL)

    made, refused = await _create_until_refused(ann, project)
    assert refused, "the disk is not full"
    for answer in refused.values():
        assert (answer.status_code, answer.json()["code"]) == (503, "service.storage_full")
        assert int(answer.headers["retry-after"]) > 0

    async def tells_only_what_is_whole() -> None:
        """What is stored is what was acknowledged, no more and no less."""
        tasks, last_number, keys, created, events, seq, last_seq = superuser.execute(WRITTEN).fetchone() or ()
        assert tasks == last_number == created == 1 + len(made)
        assert keys == len(made)
        assert events == seq == last_seq
        # Every read is answered meanwhile.
        shown = (await ann.get(f"/projects/{project['id']}/board")).json()["columns"]
        assert sum(column["task_count"] for column in shown) == 1 + len(made)
        listed = await ann.get("/tasks?include_total=true")
        assert (listed.status_code, listed.headers["x-total-count"]) == (200, str(1 + len(made)))
        assert (await ann.get(f"/tasks/{first['key']}")).json() == first
        assert (await ann.get("/projects/WEB/progress")).json()["total_tasks"] == 1 + len(made)
        log = (await ann.get("/events?after=0&limit=200")).json()
        assert [each["seq"] for each in log] == [str(number) for number in range(1, min(len(log), 200) + 1)]
        assert (await api.client.get("/health/ready")).status_code == 200

    await tells_only_what_is_whole()
    # A refused key is free: with it, the same request is carried out once there is room.
    superuser.execute("drop table filler")
    for key in refused:
        answer = await _create(ann, project, key)
        assert answer.status_code == 201, answer.text
        assert "idempotency-replayed" not in answer.headers
        made[key] = answer
    await tells_only_what_is_whole()
    again = await _create(ann, project, next(iter(refused)))
    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert (await ann.patch(f"/tasks/{first['key']}/move", {"new_status": "done"})).status_code == 200


async def _create_until_refused(ann: Person, project: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tasks short and long, each with a key, until the disk has refused ten of each: what was made, what was not."""
    made, refused = {}, {}
    for kind in ("long", "short"):
        for number in range(400):
            key = f"{kind}-{number}"
            answer = await _create(ann, project, key)
            (made if answer.status_code == 201 else refused)[key] = answer
            if sum(each.startswith(kind) for each in refused) == 10:
                break
        else:
            pytest.fail(f"400 {kind} tasks found room")
    return made, refused


async def _create(ann: Person, project: dict[str, Any], key: str) -> Any:
    _CHANCE.seed(key)
    body = {
        "project_id": project["id"],
        "title": letters(40),
        "description": letters(20_000) if key.startswith("long") else letters(200),
    }
    return await ann.post("/tasks", body, headers={"Idempotency-Key": key})
