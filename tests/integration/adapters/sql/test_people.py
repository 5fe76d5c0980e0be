"""The accounts behind a company's users: what the door across companies does and nothing more, and who waits for whom."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from adapters.sql.connection import Database
from adapters.sql.migrating import migrate
from adapters.sql.people import SqlPeopleUnitOfWork
from adapters.sql.repositories.users import SqlUsers
from adapters.sql.statement import Statement
from adapters.sql.system import SqlIdentityUnitOfWork
from adapters.system.clock import SystemClock
from core.kernel.actor import Actor, Role
from core.users.errors import EmailTaken
from core.users.model import UserChanges
from core.users.ports import Accounts
from tests import pooler
from tests.integration.adapters.sql.conftest import narrow_database, no_context_is_left, opened
from tests.integration.adapters.sql.firms import Firm, Firms, also_in
from tests.integration.conftest import Server, TestDatabase

WHO = Statement.plain(
    "select current_user::text, current_user = session_user, current_setting('app.company_id'),"
    " (select count(*) from users)"
)
LOOK_INTO_ACCOUNTS = Statement.plain("select password_hash from accounts limit 1")
TABLES = ("accounts", "login_sessions", "users", "companies", "invitations", "events", "event_sequences")
AT = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def place(postgres_server: Server) -> TestDatabase:
    """A database of our own: in the shared one applications of other tests write to accounts of their own meanwhile."""
    found = postgres_server.database("flowtrack_people")
    migrate(owner_url=found.owner, application_url=found.application)
    return found


@pytest.fixture(scope="module")
async def database(place: TestDatabase) -> AsyncIterator[Database]:
    async with opened(Database(url=place.product, prepared_statements=not pooler.is_wanted())) as found:
        yield found


@pytest.fixture
async def narrow(place: TestDatabase) -> AsyncIterator[Database]:
    async with narrow_database(place.product, prepared_statements=not pooler.is_wanted()) as found:
        yield found


@pytest.fixture(scope="module")
def firms(place: TestDatabase) -> Iterator[Firms]:
    with psycopg.connect(place.superuser, autocommit=True) as connection:
        yield Firms(connection=connection)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a use case does through the door to somebody's account, and the tables that it changes."""

    do: Callable[[Accounts, Actor], Awaitable[object]]
    changes: frozenset[str]


def _opened(accounts: Accounts, ann: Actor) -> Awaitable[object]:
    email = f"{uuid.uuid4()}@example.com"
    return accounts.find_or_open(email, id=uuid.uuid4(), name="Bea", temporary_password_hash=None, at=AT)


def _found(accounts: Accounts, ann: Actor) -> Awaitable[object]:
    email = f"{ann.account_id}@example.com"
    return accounts.find_or_open(email, id=uuid.uuid4(), name="Bea", temporary_password_hash="a hash", at=AT)


STEPS = {
    "opening an account": Step(do=_opened, changes=frozenset({"accounts"})),
    "finding an account": Step(do=_found, changes=frozenset()),
    "asking how it is held": Step(do=lambda accounts, ann: accounts.holding(ann.account_id), changes=frozenset()),
    "changing its address": Step(
        do=lambda accounts, ann: accounts.change_address(
            ann.account_id, f"{uuid.uuid4()}@example.com", letter_id=uuid.uuid4(), at=AT
        ),
        changes=frozenset({"accounts"}),
    ),
    "changing its password": Step(
        do=lambda accounts, ann: accounts.change_password(ann.account_id, "a hash", letter_id=uuid.uuid4(), at=AT),
        changes=frozenset({"accounts", "login_sessions"}),
    ),
    "ending its access": Step(
        do=lambda accounts, ann: accounts.end_access(ann.account_id, at=AT), changes=frozenset({"login_sessions"})
    ),
}
every_step = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)


def rows(firm: Firm) -> dict[str, list[str]]:
    """Every row of every table that has to do with people, whosever they are."""
    return {
        table: [row for (row,) in firm.sql(f"select t::text from {table} t order by 1")]
        for table in TABLES
    }  # fmt: skip


@every_step
async def test_the_transaction_is_the_applications_again_afterwards(
    database: Database, firm: Firm, other: Firm, clock: SystemClock, step: Step
) -> None:
    ann = firm.user()
    also_in(other, ann)
    async with SqlPeopleUnitOfWork(database, clock, firm.owner) as uow:
        (before,) = await uow.fetch((WHO, {}))
        await step.do(uow.accounts, ann)
        assert await uow.fetch((WHO, {})) == [before]
        assert before == [("test_app", True, str(firm.id), 2)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await uow.fetch((LOOK_INTO_ACCOUNTS, {}))


@every_step
async def test_each_step_changes_its_own_account_and_devices_and_nothing_else(
    database: Database, firm: Firm, clock: SystemClock, step: Step
) -> None:
    ann = firm.user()
    before = rows(firm)
    async with SqlPeopleUnitOfWork(database, clock, firm.owner) as uow:
        await step.do(uow.accounts, ann)
        await uow.commit()
    after = rows(firm)
    changed = {table for table in TABLES if after[table] != before[table]}
    assert changed == step.changes
    for table in changed:
        gone, new = set(before[table]) - set(after[table]), set(after[table]) - set(before[table])
        assert len(new) == 1
        assert all(str(ann.account_id) in row for row in gone)
        assert len(gone) == 1 or step is STEPS["opening an account"]


@every_step
async def test_a_step_that_is_not_committed_leaves_nothing_on_the_connection(
    narrow: Database, firm: Firm, clock: SystemClock, step: Step
) -> None:
    ann = firm.user()
    before = rows(firm)
    with suppress(ZeroDivisionError):
        async with SqlPeopleUnitOfWork(narrow, clock, firm.owner) as uow:
            await step.do(uow.accounts, ann)
            raise ZeroDivisionError
    await no_context_is_left(narrow)
    assert rows(firm) == before


async def test_an_error_within_the_door_leaves_nobody_in_the_upkeep_role(
    narrow: Database, firm: Firm, other: Firm, clock: SystemClock
) -> None:
    ann, bea = firm.user(), other.user()
    before = rows(firm)
    async with SqlPeopleUnitOfWork(narrow, clock, firm.owner) as uow:
        with pytest.raises(EmailTaken):
            await uow.accounts.change_address(
                ann.account_id, f"{bea.account_id}@example.com", letter_id=uuid.uuid4(), at=AT
            )
        # It is broken off: nothing can be asked in it, in whatever role.
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            await uow.fetch((WHO, {}))
    await no_context_is_left(narrow)
    async with SqlPeopleUnitOfWork(narrow, clock, firm.owner) as uow:
        assert await uow.fetch((WHO, {})) == [[("test_app", True, str(firm.id), 2)]]
    assert rows(firm) == before


async def test_users_and_invitations_of_others_are_out_of_reach_between_the_steps(
    database: Database, firm: Firm, other: Firm, clock: SystemClock
) -> None:
    bea = other.user()
    async with SqlPeopleUnitOfWork(database, clock, firm.owner) as uow:
        await uow.accounts.find_or_open(
            f"{bea.account_id}@example.com", id=uuid.uuid4(), name="Bea", temporary_password_hash=None, at=AT
        )
        assert await uow.users.load(bea.user_id, for_user=firm.owner.user_id) is None
        assert await uow.users.by_address(f"{bea.account_id}@example.com") is None


# Who waits for whom


async def waits(asked: Awaitable[Any]) -> asyncio.Task[Any]:
    """The question, which is still waiting for its answer."""
    task = asyncio.ensure_future(asked)
    done, _ = await asyncio.wait([task], timeout=0.3)
    assert not done, "it did not wait"
    return task


async def changed(users: SqlUsers, by: Actor, user_id: UUID, **fields: Any) -> None:
    loaded = await users.load(user_id, for_user=by.user_id)
    assert loaded is not None
    loaded.user.change(UserChanges(given=frozenset(fields), **fields), at=AT)
    users.save(loaded.user)


async def test_whoever_may_leave_the_company_without_an_owner_waits_and_then_sees_what_was_done(
    database: Database, firm: Firm, other: Firm, clock: SystemClock
) -> None:
    second = firm.user(role=Role.OWNER)
    async with (
        SqlPeopleUnitOfWork(database, clock, firm.owner) as one,
        SqlPeopleUnitOfWork(database, clock, second) as two,
        SqlPeopleUnitOfWork(database, clock, other.owner) as elsewhere,
    ):
        assert await one.users.lock_ownership(firm.owner.user_id) is Role.OWNER
        # Others do not wait, nor does what only refers to the company.
        await elsewhere.users.lock_ownership(other.owner.user_id)
        firm.user()
        waiting = await waits(two.users.lock_ownership(second.user_id))
        await changed(one.users, firm.owner, second.user_id, role=Role.MEMBER)
        await one.commit()
        # Whoever waited hears what they are now, and not what they were when they began.
        assert await waiting is Role.MEMBER
        assert not await two.users.others_own(firm.owner.user_id)


async def test_two_who_change_one_user_come_one_after_the_other(
    database: Database, firm: Firm, clock: SystemClock
) -> None:
    ann = firm.user()
    async with (
        SqlPeopleUnitOfWork(database, clock, firm.owner) as one,
        SqlPeopleUnitOfWork(database, clock, firm.owner) as two,
    ):
        await changed(one.users, firm.owner, ann.user_id, name="One")
        waiting = await waits(two.users.load(ann.user_id, for_user=firm.owner.user_id))
        await one.commit()
        loaded = await waiting
        assert (loaded.user.name, loaded.user.version) == ("One", 2)


async def test_an_account_is_one_transactions_even_of_different_companies(
    database: Database, firm: Firm, other: Firm, clock: SystemClock
) -> None:
    ann = firm.user()
    async with (
        SqlPeopleUnitOfWork(database, clock, firm.owner) as one,
        SqlPeopleUnitOfWork(database, clock, other.owner) as two,
    ):
        assert (await one.accounts.holding(ann.account_id)).is_shared is False
        waiting = await waits(_found(two.accounts, ann))
        await one.commit()
        assert (await waiting).id == ann.account_id


async def test_an_address_that_two_companies_bring_in_at_once_gets_one_account(
    database: Database, firm: Firm, other: Firm, clock: SystemClock
) -> None:
    email, ids = f"{uuid.uuid4()}@example.com", [uuid.uuid4(), uuid.uuid4()]

    def opening(accounts: Accounts, id: UUID) -> Awaitable[Any]:
        return accounts.find_or_open(email, id=id, name="Bea", temporary_password_hash=None, at=AT)

    async with (
        SqlPeopleUnitOfWork(database, clock, firm.owner) as one,
        SqlPeopleUnitOfWork(database, clock, other.owner) as two,
    ):
        assert await opening(one.accounts, ids[0]) == (ids[0], True)
        waiting = await waits(opening(two.accounts, ids[1]))
        await one.commit()
        assert await waiting == (ids[0], False)


async def test_whoever_follows_a_link_locks_the_user_before_the_invitation(
    database: Database, firm: Firm, clock: SystemClock
) -> None:
    """So that deactivating, which locks them in that order, and accepting never wait for each other."""
    ann, invitation = firm.user(), uuid.uuid4()
    firm.sql(
        "insert into invitations (company_id, id, email, role, user_id, token_digest, created_at, expires_at)"
        " values (%s, %s, %s, 'member', %s, %s, now(), now() + interval '7 days')",
        (firm.id, invitation, f"{ann.account_id}@example.com", ann.user_id, invitation.bytes),
    )
    async with SqlPeopleUnitOfWork(database, clock, firm.owner) as one, SqlIdentityUnitOfWork(database) as two:
        await one.users.load(ann.user_id, for_user=firm.owner.user_id)
        waiting = await waits(two.invitation(invitation.bytes))
        assert await one.invitations.open_for(f"{ann.account_id}@example.com") is not None
        await one.commit()
        assert (await waiting).user.id == ann.user_id
