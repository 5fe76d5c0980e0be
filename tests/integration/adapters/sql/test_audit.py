"""What is noted for auditors, the chain that proves it, and what happens to it where somebody interferes."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from adapters.crypto.sealing import Sealer, Unsealable
from adapters.sql.audit_chain import SqlAuditChain
from adapters.sql.audit_log import NOBODYS
from adapters.sql.connection import Database
from adapters.sql.refusals import SqlAuditLog
from adapters.sql.system import SqlIdentityUnitOfWork
from adapters.sql.unit_of_work import SqlUnitOfWork
from adapters.system.clock import SystemClock
from core.audit.errors import NobodyFound
from core.audit.model import Defect, Head
from core.audit.read_models import Verified
from core.kernel.actor import Origin
from core.kernel.audit import AuditType, Note
from tests.integration.adapters.sql.firms import Firm, Firms

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
CAME = Origin(address="192.0.2.7", agent="curl/8", request_id="r-1")
NOTE = Note(type=AuditType.ROLE_CHANGED, details={"old": "member"}, personal={"name": "Ann", "at": AT})


@pytest.fixture
def chain(database: Database) -> SqlAuditChain:
    return SqlAuditChain(database, Sealer(secrets=("a secret for tests that is long enough to be one",)))


@pytest.fixture
def firm(firms: Firms) -> Firm:
    return firms.new()


async def noted(database: Database, firm: Firm, *notes: Note) -> None:
    async with SqlUnitOfWork(database, SystemClock(), firm.owner) as uow:
        uow.note(*notes)
        await uow.commit()


async def verified(chain: SqlAuditChain, firm: Firm, expected: Head | None = None) -> Verified:
    (code,) = firm.sql("select code from companies where id = %s", (firm.id,))[0]
    (found,) = [each async for each in chain.verify(company_code=code, expected=expected)]
    return found


def rows(firm: Firm, company_id: uuid.UUID | None = None) -> list[tuple[object, ...]]:
    return firm.sql(
        "select type, actor_id, via, session_id, address, agent, request_id, details, personal, number"
        " from audit_events where company_id = %s order by at, number",
        (company_id or firm.id,),
    )


async def test_a_note_is_written_with_the_commit_and_not_without(database: Database, firm: Firm) -> None:
    async with SqlUnitOfWork(database, SystemClock(), firm.owner) as uow:
        uow.note(NOTE)
    assert rows(firm) == []
    await noted(database, firm, NOTE)
    owner = firm.owner
    assert rows(firm) == [
        (
            "role.changed", owner.user_id, "session", owner.session_id, None, None, None, {"old": "member"},
            {"name": "Ann", "at": "2026-11-20 09:30:00+00:00"}, None,
        )
    ]  # fmt: skip


async def test_a_chain_proves_itself_and_goes_on(database: Database, chain: SqlAuditChain, firm: Firm) -> None:
    await noted(database, firm, NOTE, NOTE, NOTE)
    assert await chain.extend() >= 3
    first = await verified(chain, firm)
    assert (first.head.length, first.waiting, first.flaw) == (3, 0, None)
    await noted(database, firm, NOTE)
    assert (await verified(chain, firm)).waiting == 1
    await chain.extend()
    then = await verified(chain, firm, expected=first.head)
    assert (then.head.length, then.flaw) == (4, None)
    assert then.head.mac != first.head.mac
    assert (await chain.heads())[firm.id] == then.head


async def test_more_than_one_batch_is_taken_up(database: Database, chain: SqlAuditChain, firm: Firm) -> None:
    await noted(database, firm, *[NOTE] * 600)
    await chain.extend()
    found = await verified(chain, firm)
    assert (found.head.length, found.flaw) == (600, None)


INTERFERENCES = {
    "update audit_events set type = 'role.unchanged' where company_id = %s and number = 2": (2, Defect.ALTERED),
    "update audit_events set details = '{}' where company_id = %s and number = 3": (3, Defect.ALTERED),
    "update audit_events set actor_id = null where company_id = %s and number = 1": (1, Defect.ALTERED),
    "update audit_events set at = at - interval '1 s' where company_id = %s and number = 2": (2, Defect.ALTERED),
    "update audit_events set digest = 'other' where company_id = %s and number = 2": (2, Defect.ALTERED),
    "update audit_events set address = '192.0.2.8' where company_id = %s and number = 2": (2, Defect.PERSONAL_ALTERED),
    "update audit_events set salt = null, personal = null, address = null, agent = null"
    " where company_id = %s and number = 2": (2, Defect.PERSONAL_ALTERED),
    "delete from audit_events where company_id = %s and number = 2": (2, Defect.MISSING),
    "delete from audit_events where company_id = %s and number >= 3": (3, Defect.CUT_OFF),
    "update audit_events a set number = case number when 2 then 13 else 12 end"
    " where company_id = %s and number in (2, 3)": (2, Defect.MISSING),
}


@pytest.mark.parametrize(("statement", "flaw"), INTERFERENCES.items())
async def test_the_first_event_that_somebody_altered_or_removed_is_named(
    database: Database, chain: SqlAuditChain, firm: Firm, statement: str, flaw: tuple[int, Defect]
) -> None:
    await noted(database, firm, *[NOTE] * 4)
    await chain.extend()
    head = (await verified(chain, firm)).head
    firm.sql(statement, (firm.id,))
    found = await verified(chain, firm, expected=head)
    assert found.flaw is not None
    assert (found.flaw.number, found.flaw.defect) == flaw


async def test_a_chain_that_was_made_anew_is_not_the_one_that_was_written_down(
    database: Database, chain: SqlAuditChain, firm: Firm
) -> None:
    await noted(database, firm, NOTE, NOTE)
    await chain.extend()
    head = (await verified(chain, firm)).head
    # With the key in hand, somebody rewrites history from the beginning.
    firm.sql(
        "update audit_events set type = 'user.updated', number = null, mac = null where company_id = %s", (firm.id,)
    )
    await chain.extend()
    assert (await verified(chain, firm)).flaw is None
    found = (await verified(chain, firm, expected=head)).flaw
    assert found is not None
    assert (found.number, found.defect) == (2, Defect.REPLACED)


async def test_with_a_key_that_is_lost_the_chain_goes_on_with_another_one_and_says_so(
    database: Database, chain: SqlAuditChain, firm: Firm
) -> None:
    await noted(database, firm, NOTE, NOTE)
    await chain.extend()
    assert not await chain.begin_anew()
    other = SqlAuditChain(database, Sealer(secrets=("quite another secret that is long enough",)))
    await noted(database, firm, NOTE)
    with pytest.raises(Unsealable):
        await other.extend()
    assert await other.begin_anew()
    await other.extend()
    found = await verified(other, firm)
    assert (found.head.length, found.unproved, found.flaw) == (3, 2, None)
    firm.sql("update audit_events set type = 'x' where company_id = %s and number = 3", (firm.id,))
    flaw = (await verified(other, firm)).flaw
    assert flaw is not None
    assert flaw.number == 3
    # The other tests go on with the first secret.
    assert await chain.begin_anew()


async def test_what_tells_of_a_person_can_be_erased_and_the_chain_still_proves_itself(
    database: Database, chain: SqlAuditChain, firm: Firm
) -> None:
    member = firm.user()
    about = Note(type=AuditType.USER_UPDATED, details={"user_id": member.user_id}, personal={"name": "Bea"})
    await noted(database, firm, NOTE, about)
    await chain.extend()
    head = (await verified(chain, firm)).head
    (code,) = firm.sql("select code from companies where id = %s", (firm.id,))[0]
    (username,) = firm.sql("select username from users where id = %s", (member.user_id,))[0]
    assert await chain.erase(company_code=code, person=username.upper(), at=AT) == 1
    assert await chain.erase(company_code=code, person=username, at=AT) == 0
    assert (await verified(chain, firm, expected=head)).flaw is None
    kept = firm.sql(
        "select personal is null, salt is null, erased_at from audit_events where company_id = %s order by type",
        (firm.id,),
    )
    assert kept == [(False, False, None), (True, True, AT)]
    with pytest.raises(NobodyFound):
        await chain.erase(company_code=code, person="nobody", at=AT)
    with pytest.raises(NobodyFound):
        _ = [each async for each in chain.verify(company_code="no-such-company", expected=None)]


async def test_so_can_what_became_of_invitations(database: Database, chain: SqlAuditChain, firm: Firm) -> None:
    member = firm.user()
    (code,) = firm.sql("select code from companies where id = %s", (firm.id,))[0]
    (email,) = firm.sql("select email from users where id = %s", (member.user_id,))[0]
    invitation_id = uuid.uuid4()
    firm.sql(
        "insert into invitations (company_id, id, email, role, user_id, token_digest, created_at, expires_at)"
        " values (%s, %s, 'before@example.com', 'member', %s, %s, now(), now())",
        (firm.id, invitation_id, member.user_id, invitation_id.bytes),
    )
    told: list[tuple[dict[str, object], str]] = [
        ({}, email.upper()),
        ({"user_id": member.user_id}, "once@example.com"),
        ({"invitation_id": invitation_id}, "before@example.com"),
        ({"invitation_id": uuid.uuid4()}, "never.came@example.com"),
        ({"invitation_id": uuid.uuid4()}, "another@example.com"),
    ]
    for details, address in told:
        await noted(database, firm, Note(type=AuditType.INVITATION_SENT, details=details, personal={"email": address}))
    await chain.extend()
    head = (await verified(chain, firm)).head
    assert await chain.erase(company_code=code, person=email, at=AT) == 3
    assert await chain.erase(company_code=code, person="Never.Came@example.com", at=AT) == 1
    with pytest.raises(NobodyFound):
        await chain.erase(company_code=code, person="never.came@example.com", at=AT)
    left = firm.sql("select personal ->> 'email' from audit_events where company_id = %s", (firm.id,))
    assert sorted(left, key=str) == sorted([("another@example.com",), *[(None,)] * 4], key=str)
    assert (await verified(chain, firm, expected=head)).flaw is None


async def test_what_happens_to_an_account_is_told_in_each_of_its_companies_alone(
    database: Database, firms: Firms
) -> None:
    here, there, elsewhere = firms.new(), firms.new(), firms.new()
    account = here.owner.account_id
    there.sql(
        "insert into users (company_id, id, account_id, kind, name, email, username, role, is_active, version,"
        " created_at, updated_at) values (%s, gen_random_uuid(), %s, 'person', 'Ann', 'ann@example.com', 'ann2',"
        " 'member', true, 1, now(), now())",
        (there.id, account),
    )
    async with SqlIdentityUnitOfWork(database) as uow:
        await uow.note(Note(type=AuditType.LOGIN_FAILED), account_id=account, origin=CAME, at=AT)
        await uow.commit()
    assert [len(rows(each)) for each in (here, there, elsewhere)] == [1, 1, 0]
    ((kind, actor, via, session, address, agent, request_id, *_),) = rows(there)
    assert (kind, via, session, address, agent, request_id) == (
        "auth.login_failed", "visitor", None, "192.0.2.7", "curl/8", "r-1",
    )  # fmt: skip
    assert actor == there.sql("select id from users where company_id = %s and username = 'ann2'", (there.id,))[0][0]
    async with SqlIdentityUnitOfWork(database) as uow:
        await uow.note(
            Note(type=AuditType.LOGIN_SUCCEEDED),
            account_id=account,
            origin=CAME,
            at=AT,
            session_id=here.owner.session_id,
            company_id=here.id,
        )
        await uow.commit()
    assert [len(rows(each)) for each in (here, there)] == [2, 1]


async def test_what_happens_to_nobody_who_is_known_goes_to_the_installations_own_chain(
    database: Database, chain: SqlAuditChain, firms: Firms
) -> None:
    firm = firms.new()
    before = len(rows(firm, NOBODYS))
    for account in (None, uuid.uuid4()):
        async with SqlIdentityUnitOfWork(database) as uow:
            await uow.note(Note(type=AuditType.LOGIN_FAILED), account_id=account, origin=CAME, at=AT)
            await uow.commit()
    assert len(rows(firm, NOBODYS)) == before + 2
    assert rows(firm) == []
    await chain.extend()
    (own,) = [each async for each in chain.verify(company_code=None, expected=None) if each.company_id is None]
    assert (own.head.length, own.flaw) == (before + 2, None)


async def test_what_is_not_kept_leaves_nothing_and_is_written_to_disk_all_the_same(
    database: Database, firms: Firms
) -> None:
    """So that no clock tells known names from unknown ones, of which not all is kept."""
    firm = firms.new()
    before, spent = len(rows(firm, NOBODYS)), []
    for kept in (True, False):
        async with SqlIdentityUnitOfWork(database) as uow:
            since = _written(firm)
            await uow.note(Note(type=AuditType.LOGIN_FAILED), account_id=None, origin=CAME, at=AT, kept=kept)
            await uow.commit()
        spent.append(_written(firm) - since)
    assert len(rows(firm, NOBODYS)) == before + 1
    assert spent[1] >= 500


def _written(firm: Firm) -> int:
    """How far the log is that PostgreSQL writes ahead."""
    ((position,),) = firm.sql("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")
    return int(position)


async def test_refusals_are_kept_once_for_all_that_are_alike(database: Database, firm: Firm) -> None:
    log = SqlAuditLog(database, SystemClock())
    denied = Note(type=AuditType.PERMISSION_DENIED, details={"rule": "permission.denied"})
    for key in ("one", "one", "two"):
        await log.note(firm.owner, denied, coalesced_by=key)
    assert len(rows(firm)) == 2


def test_not_even_upkeep_changes_what_was_noted(firms: Firms, application: psycopg.Connection[object]) -> None:
    for statement in ("update audit_events set type = 'x'", "update audit_events set details = '{}'"):
        application.execute("set role flowtrack_upkeep")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
            application.execute(statement)
        application.rollback()
        application.execute("reset role")


@pytest.fixture
def application(test_database: object) -> Iterator[psycopg.Connection[object]]:
    with psycopg.connect(test_database.application) as connection:  # type: ignore[attr-defined]
        yield connection
        connection.rollback()
