"""The event log: every change's facts, numbered per company without gaps and in the order of commits."""

import asyncio
import threading
import uuid
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from adapters.sql.connection import Database
from adapters.sql.readers.events import SqlEventReader
from adapters.sql.repositories.tasks import SqlTaskUnitOfWork
from adapters.sql.unit_of_work import SqlUnitOfWork
from adapters.system.clock import SystemClock
from core.kernel.actor import Actor, Role
from core.kernel.errors import Conflict
from core.kernel.events import Audience
from core.projects.events import ProjectDeleted
from core.realtime.errors import PositionInvalid
from core.realtime.policy import audible_events, hears_of
from core.realtime.read_models import Stretch
from core.realtime.use_cases import EventUseCases
from tests.integration.adapters.sql.firms import Firm, Noted, a_task
from tests.integration.conftest import TestDatabase


async def note(database: Database, actor: Actor, *texts: str, to: Audience = Audience()) -> int:
    """Writes facts in a transaction of their own; returns the sequence after it."""
    async with SqlUnitOfWork(database, SystemClock(), actor) as uow:
        uow.record(*(Noted(text=text, to=to) for text in texts))
        return await uow.commit()


async def heard(
    database: Database, actor: Actor, *, after: int = 0, types: tuple[str, ...] = (), limit: int = 100
) -> Stretch:
    reader = SqlEventReader(database)
    answer = await reader.after(actor, audible=audible_events(actor), position=after, types=types, limit=limit)
    return answer.value


async def texts(database: Database, actor: Actor) -> list[str]:
    return [event.body["text"] for event in (await heard(database, actor)).events]


# Numbers


async def test_a_companys_events_are_numbered_from_one_without_gaps(database: Database, firm: Firm) -> None:
    assert await note(database, firm.owner, "first") == 1
    assert await note(database, firm.owner, "second", "third", "fourth") == 4
    assert await note(database, firm.owner, "fifth") == 5
    assert firm.log() == [(1, "first"), (2, "second"), (3, "third"), (4, "fourth"), (5, "fifth")]
    assert firm.last_seq() == 5


async def test_each_company_counts_for_itself(database: Database, firm: Firm, other: Firm) -> None:
    for company in (firm, other, firm):
        await note(database, company.owner, "noted")
    assert [seq for seq, _ in firm.log()] == [1, 2]
    assert [seq for seq, _ in other.log()] == [1]


async def test_a_transaction_without_facts_answers_the_present_sequence_and_takes_no_number(
    database: Database, firm: Firm
) -> None:
    await note(database, firm.owner, "noted")
    async with SqlUnitOfWork(database, SystemClock(), firm.owner) as uow:
        assert await uow.commit() == 1
    assert firm.last_seq() == 1


async def test_a_rollback_leaves_no_gap(database: Database, firm: Firm, test_database: TestDatabase) -> None:
    await note(database, firm.owner, "first")
    async with SqlUnitOfWork(database, SystemClock(), firm.owner) as uow:
        uow.record(Noted(text="never happened"))
    with pytest.raises(RuntimeError):
        async with SqlUnitOfWork(database, SystemClock(), firm.owner) as uow:
            uow.record(Noted(text="never happened"))
            raise RuntimeError
    # The one that got its number already, and then failed.
    with psycopg.connect(test_database.superuser) as connection:
        taken = connection.execute(
            "update event_sequences set last_seq = last_seq + 1 where company_id = %s returning last_seq", (firm.id,)
        )
        assert taken.fetchone() == (2,)
        connection.rollback()
    assert await note(database, firm.owner, "second") == 2
    assert firm.log() == [(1, "first"), (2, "second")]


async def test_an_event_tells_who_did_what_when_and_how(database: Database, firm: Firm) -> None:
    project = firm.project()
    before = datetime.now(UTC)
    await note(database, firm.owner, 'it\'s "odd" \\ {1,2} ✓', to=Audience(project_id=project.id))
    (event,) = (await heard(database, firm.owner)).events
    assert (event.seq, event.event, event.channel, event.via) == (1, "noted", "task_updates", "session")
    assert (event.actor_id, event.project_id) == (firm.owner.user_id, project.id)
    assert event.body == {"text": 'it\'s "odd" \\ {1,2} ✓'}
    assert before <= event.occurred_at <= datetime.now(UTC)


# Facts and the change are one


async def test_a_change_and_its_fact_are_written_together(database: Database, firm: Firm) -> None:
    project = firm.project()
    async with SqlTaskUnitOfWork(database, SystemClock(), firm.owner) as uow:
        uow.tasks.add(a_task(firm, project))
        uow.record(Noted(text="created"))
        assert firm.count("tasks") == firm.count("events") == 0
        await uow.commit()
    assert firm.count("tasks") == firm.count("events") == 1


async def test_a_change_that_the_database_refuses_writes_neither_itself_nor_its_fact(
    database: Database, firm: Firm
) -> None:
    project = firm.project()
    firm.task(project)
    async with SqlTaskUnitOfWork(database, SystemClock(), firm.owner) as uow:
        uow.tasks.add(a_task(firm, project, number=2))
        uow.tasks.add(a_task(firm, project, number=1))  # which is taken
        uow.record(Noted(text="created"))
        with pytest.raises(Conflict):
            await uow.commit()
    assert (firm.count("tasks"), firm.count("events"), firm.last_seq()) == (1, 0, 0)


async def test_a_fact_that_the_database_refuses_takes_the_change_back(database: Database, firm: Firm) -> None:
    project = firm.project()
    async with SqlTaskUnitOfWork(database, SystemClock(), firm.owner) as uow:
        uow.tasks.add(a_task(firm, project))
        uow.record(Noted(text="\x00"))  # no jsonb
        with pytest.raises(psycopg.DataError):
            await uow.commit()
    assert (firm.count("tasks"), firm.count("events"), firm.last_seq()) == (0, 0, 0)


# The order of commits


async def test_a_reader_skips_nothing_when_two_transactions_commit_in_the_reverse_order_of_their_beginning(
    database: Database, firm: Firm
) -> None:
    seen: list[tuple[int, str]] = []
    position = 0

    async def poll() -> None:
        nonlocal position
        stretch = await heard(database, firm.owner, after=position)
        seen.extend((event.seq, event.body["text"]) for event in stretch.events)
        position = stretch.examined

    async with SqlUnitOfWork(database, SystemClock(), firm.owner) as early:
        early.record(Noted(text="began first"))
        await poll()
        async with SqlUnitOfWork(database, SystemClock(), firm.owner) as late:
            late.record(Noted(text="began second"))
            assert await late.commit() == 1
        await poll()
        assert await early.commit() == 2
    await poll()
    assert seen == firm.log() == [(1, "began second"), (2, "began first")]


def append_in_two_steps(url: str, firm: Firm, took: threading.Event, go_on: threading.Event) -> None:
    """Takes the company's next number as the log does, and commits only when told."""
    with psycopg.connect(url) as connection:
        connection.execute("select from open_company(%s, %s)", (firm.owner.session_id, firm.id))
        connection.execute(
            "with counter as (update event_sequences set last_seq = last_seq + 1 returning last_seq)"
            " insert into events (seq, event, channel, occurred_at, via, for_admins, body)"
            " select last_seq, 'noted', 'task_updates', now(), 'session', true, '{\"text\": \"slow\"}' from counter"
        )
        took.set()
        assert go_on.wait(10)
        connection.commit()


async def test_a_number_that_is_taken_and_not_committed_holds_back_the_ones_after_it(
    database: Database, firm: Firm, test_database: TestDatabase
) -> None:
    took, go_on = threading.Event(), threading.Event()
    slow = asyncio.create_task(asyncio.to_thread(append_in_two_steps, test_database.application, firm, took, go_on))
    assert await asyncio.to_thread(took.wait, 10)
    quick = asyncio.create_task(note(database, firm.owner, "quick"))
    await asyncio.sleep(0.1)
    assert not quick.done(), "it may not commit a higher number before the lower one is there"
    stretch = await heard(database, firm.owner)
    assert (stretch.events, stretch.examined) == ([], 0)
    go_on.set()
    assert await quick == 2
    await slow
    assert firm.log() == [(1, "slow"), (2, "quick")]


def test_the_control_an_identity_column_would_have_skipped_the_one_that_committed_late(
    test_database: TestDatabase, superuser: psycopg.Connection[Any]
) -> None:
    superuser.execute("create table scratch_log (id bigint generated always as identity, text text)")
    try:
        with psycopg.connect(test_database.superuser) as early, psycopg.connect(test_database.superuser) as late:
            early.execute("insert into scratch_log (text) values ('began first')")
            late.execute("insert into scratch_log (text) values ('began second')")
            seen, position = [], 0
            for commit in (late.commit, early.commit):
                commit()
                rows = superuser.execute("select id, text from scratch_log where id > %s", (position,)).fetchall()
                seen += [text for _, text in rows]
                position = max([position, *(number for number, _ in rows)])
        assert seen == ["began second"], "the reader would have noticed it, so the tests above prove nothing"
        assert superuser.execute("select count(*) from scratch_log").fetchone() == (2,)
    finally:
        superuser.execute("drop table scratch_log")


async def test_a_reader_that_polls_while_many_write_misses_nothing_and_sees_no_gap(
    database: Database, firm: Firm
) -> None:
    writers, each = 8, 50
    seen: list[int] = []
    done = asyncio.Event()

    async def write(writer: int) -> None:
        for turn in range(each):
            async with SqlUnitOfWork(database, SystemClock(), firm.owner) as uow:
                uow.record(*(Noted(text=f"{writer}/{turn}/{part}") for part in range(1 + turn % 3)))
                if turn % 10 == 9:
                    continue  # taken back
                await uow.commit()

    async def read() -> None:
        position, last = 0, False
        while True:
            last = done.is_set()
            stretch = await heard(database, firm.owner, after=position, limit=37)
            seen.extend(event.seq for event in stretch.events)
            assert stretch.examined >= position
            position = stretch.examined
            if last and not stretch.events:
                return

    reader = asyncio.create_task(read())
    await asyncio.gather(*(write(writer) for writer in range(writers)))
    done.set()
    await reader
    written = writers * sum(1 + turn % 3 for turn in range(each) if turn % 10 != 9)
    assert seen == list(range(1, written + 1))
    assert firm.last_seq() == written


# Who hears


async def test_members_hear_of_their_projects_and_admins_of_all(database: Database, firm: Firm) -> None:
    ours, theirs = firm.project(), firm.project()
    member, admin = firm.user(projects=[ours]), firm.user(role=Role.ADMIN)
    await note(database, firm.owner, "in ours", to=Audience(project_id=ours.id))
    await note(database, firm.owner, "in theirs", to=Audience(project_id=theirs.id))
    await note(database, firm.owner, "for admins", to=Audience())
    assert await texts(database, member) == ["in ours"]
    assert await texts(database, admin) == await texts(database, firm.owner) == ["in ours", "in theirs", "for admins"]


async def test_who_is_named_hears_and_who_is_not_does_not(database: Database, firm: Firm) -> None:
    named, also_named, not_named = firm.user(), firm.user(), firm.user()
    ids = (named.user_id, also_named.user_id)
    await note(database, firm.owner, "for two", to=Audience(named=ids))
    await note(database, firm.owner, "for two alone", to=Audience(named=ids, admins=False))
    assert await texts(database, named) == await texts(database, also_named) == ["for two", "for two alone"]
    assert await texts(database, not_named) == []
    assert await texts(database, firm.owner) == ["for two"]


async def test_members_hear_of_the_end_of_their_project_and_then_nothing_of_its_past(
    database: Database, firm: Firm
) -> None:
    project = firm.project()
    member, stranger = firm.user(projects=[project]), firm.user()
    await note(database, firm.owner, "its past", to=Audience(project_id=project.id))
    firm.sql("update projects set deleted_at = now() where id = %s", (project.id,))
    async with SqlUnitOfWork(database, SystemClock(), firm.owner) as uow:
        deleted = ProjectDeleted(
            project_id=project.id, key=project.key, name="Gone", version=2, members=(member.user_id,)
        )
        uow.record(deleted)
        await uow.commit()
    assert [event.event for event in (await heard(database, member)).events] == ["project_deleted"]
    assert (await heard(database, stranger)).events == []
    assert [event.event for event in (await heard(database, firm.owner)).events] == ["noted", "project_deleted"]


async def test_a_new_member_hears_of_a_projects_past_and_a_former_one_no_more(database: Database, firm: Firm) -> None:
    project = firm.project()
    newcomer = firm.user()
    await note(database, firm.owner, "its past", to=Audience(project_id=project.id))
    assert await texts(database, newcomer) == []
    firm.add_member(project, newcomer)
    assert await texts(database, newcomer) == ["its past"]
    firm.sql("delete from project_members where user_id = %s", (newcomer.user_id,))
    assert await texts(database, newcomer) == []


async def test_the_log_answers_for_each_caller_what_the_policy_says_of_each_event(
    database: Database, firm: Firm
) -> None:
    """The predicate in SQL and the pure function of the core are the same rule."""
    projects = [firm.project(), firm.project()]
    callers = [
        firm.owner,
        firm.user(role=Role.ADMIN),
        firm.user(projects=projects[:1]),
        firm.user(projects=projects),
        firm.user(),
    ]
    belongs = {callers[2].user_id: {projects[0].id}, callers[3].user_id: {project.id for project in projects}}
    audiences = [
        Audience(project_id=project, named=named, admins=admins)
        for project in (None, projects[0].id, projects[1].id)
        for named in ((), (callers[0].user_id,), (callers[2].user_id, callers[4].user_id))
        for admins in (True, False)
    ]
    for number, audience in enumerate(audiences):
        await note(database, firm.owner, str(number), to=audience)
    for caller in callers:
        expected = [
            str(number)
            for number, audience in enumerate(audiences)
            if hears_of(caller, audience, is_member=audience.project_id in belongs.get(caller.user_id, set()))
        ]
        assert await texts(database, caller) == expected, caller.role


async def test_another_company_hears_nothing_even_if_its_user_is_named(
    database: Database, firm: Firm, other: Firm
) -> None:
    await note(database, firm.owner, "noted", to=Audience(named=(other.owner.user_id,)))
    assert await texts(database, other.owner) == []


# Positions


async def test_a_full_stretch_was_examined_up_to_its_last_event(database: Database, firm: Firm) -> None:
    await note(database, firm.owner, *"abcde")
    first = await heard(database, firm.owner, limit=2)
    assert ([event.seq for event in first.events], first.examined) == ([1, 2], 2)
    second = await heard(database, firm.owner, after=first.examined, limit=2)
    assert ([event.seq for event in second.events], second.examined) == ([3, 4], 4)
    third = await heard(database, firm.owner, after=second.examined, limit=2)
    assert ([event.seq for event in third.events], third.examined) == ([5], 5)


async def test_a_stretch_without_anything_audible_was_examined_up_to_the_head(database: Database, firm: Firm) -> None:
    member = firm.user()
    await note(database, firm.owner, "for admins", "for admins too")
    stretch = await heard(database, member)
    assert (stretch.events, stretch.examined) == ([], 2)


async def test_a_stretch_of_certain_types_was_examined_up_to_the_head(database: Database, firm: Firm) -> None:
    await note(database, firm.owner, "one", "two")
    nothing = await heard(database, firm.owner, types=("task_created",))
    assert (nothing.events, nothing.examined) == ([], 2)
    both = await heard(database, firm.owner, types=("task_created", "noted"), limit=1)
    assert ([event.seq for event in both.events], both.examined) == ([1], 1)


async def test_a_position_beyond_the_head_is_refused(database: Database, firm: Firm) -> None:
    await note(database, firm.owner, "one")
    use_cases = EventUseCases(reader=SqlEventReader(database))
    at_head = await use_cases.after(firm.owner, position=1, types=(), limit=10)
    assert (at_head.value.events, at_head.value.examined, at_head.seq) == ([], 1, 1)
    with pytest.raises(PositionInvalid):
        await use_cases.after(firm.owner, position=2, types=(), limit=10)


async def test_the_sequence_and_the_events_of_an_answer_are_of_one_snapshot(database: Database, firm: Firm) -> None:
    """While others write, the head that is answered is always the last event that is answered."""
    reader, stop = SqlEventReader(database), asyncio.Event()

    async def write() -> None:
        while not stop.is_set():
            await note(database, firm.owner, str(uuid.uuid4()))

    writers = [asyncio.create_task(write()) for _ in range(3)]
    try:
        for _ in range(150):
            answer = await reader.after(
                firm.owner, audible=audible_events(firm.owner), position=0, types=(), limit=100_000
            )
            assert len(answer.value.events) == answer.seq == answer.value.examined
    finally:
        stop.set()
        await asyncio.gather(*writers)
