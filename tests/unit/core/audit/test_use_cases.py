from datetime import timedelta
from uuid import UUID

import pytest

from core.audit.errors import SpanInvalid
from core.audit.ports import AuditFilter
from core.audit.use_cases import AuditUseCases
from core.kernel.audit import AuditType
from core.kernel.errors import Concern, Forbidden
from core.kernel.paging import PageRequest, Sort
from core.users.model import UserChanges
from core.auth.use_cases.credentials import Credentials
from core.kernel.actor import Actor, Role, Visitor
from core.tokens.model import Scope
from tests.builders import an_id
from tests.builders.office import PASSWORD, Office
from tests.builders.providers import connected
from tests.fakes.audit import InMemoryAuditLog, InMemoryAuditReader

NEWEST = Sort(field="at", descending=True)


class Stage:
    def __init__(self, office: Office) -> None:
        self.office = office
        self.log = InMemoryAuditLog(office.world.store)
        self.audit = AuditUseCases(reader=InMemoryAuditReader(office.world.store), log=self.log, clock=office.clock)

    async def types(self, actor: Actor, **where: object) -> list[str]:
        page = await self.audit.list(actor, where=AuditFilter(**where), sort=NEWEST, page=PageRequest(limit=200))
        return [view.type for view in page.value.items]

    async def exported(self, actor: Actor, **where: object) -> list[str]:
        pages, _ = await self.audit.export(actor, where=AuditFilter(**where))
        return [view.type async for page in pages() for view in page]


@pytest.fixture
async def stage() -> Stage:
    return Stage(await Office.open())


async def promote(stage: Stage) -> None:
    office = stage.office
    changes = UserChanges(given=frozenset({"role", "name"}), role=Role.ADMIN, name="Mia Admin")
    await office.users.change(office.olga, office.mia.user_id, changes)


async def test_what_facts_tell_is_there_with_the_change(stage: Stage) -> None:
    await promote(stage)
    assert set(await stage.types(stage.office.olga)) >= {"role.changed", "user.updated"}


async def test_members_read_nothing(stage: Stage) -> None:
    for ask in (stage.types, stage.exported):
        with pytest.raises(Forbidden):
            await ask(stage.office.mia)
    assert stage.log.written == 0


async def test_who_became_an_admin_since_their_token_was_made_reads_it(stage: Stage) -> None:
    await promote(stage)
    assert await stage.types(stage.office.mia, types=("role.changed",)) == ["role.changed"]


async def test_a_refusal_is_written_once_a_minute_for_each_caller_and_rule(stage: Stage) -> None:
    office, audit = stage.office, stage.audit
    for actor, rule in ((office.mia, "one"), (office.mia, "one"), (office.mia, "two"), (office.max, "one")):
        await audit.refused(actor, rule=rule, verb="GET /x")
    assert stage.log.written == 3
    office.clock.advance(timedelta(minutes=1))
    await audit.refused(office.mia, rule="one", verb="GET /x")
    assert (await stage.types(office.olga, types=("permission.denied",))) == ["permission.denied"] * 4


async def test_what_a_token_is_refused_is_told_apart_from_what_its_holder_is(stage: Stage) -> None:
    office = stage.office
    callers = [office.adam, *[await office.by_token(scopes=(Scope.USERS_WRITE,)) for _ in range(2)]]
    for _ in range(2):
        for actor in callers:
            await stage.audit.refused(actor, rule="one", verb="GET /x")
    told = [each for each in office.world.tables.notes if each.note.type is AuditType.PERMISSION_DENIED]
    assert [(each.via, each.token_id) for each in told] == [(str(each.via), each.token_id) for each in callers]


async def test_another_session_of_the_same_person_is_not_told_apart(stage: Stage) -> None:
    office = stage.office
    signed_in = await office.register()
    again = await office.auth.login(Visitor(), Credentials(email="ann@example.com", password=PASSWORD))
    for each in (signed_in, again):
        await stage.audit.refused(office.auth.actor_of(each.access_token), rule="one", verb="GET /x")
    assert stage.log.written == 1


async def test_another_process_does_not_write_it_again(stage: Stage) -> None:
    office = stage.office
    other = AuditUseCases(reader=InMemoryAuditReader(office.world.store), log=stage.log, clock=office.clock)
    for audit in (stage.audit, other):
        await audit.refused(office.mia, rule="one", verb="GET /x")
    assert stage.log.written == 2
    assert await stage.types(office.olga, types=("permission.denied",)) == ["permission.denied"]


class TestVisitors:
    """What somebody is refused who is not signed in."""

    @staticmethod
    async def refused(stage: Stage, concern: Concern = Concern(), *, at: str = "192.0.2.1", rule: str = "one") -> None:
        await stage.audit.turned_away(Visitor(address=at), concern, rule=rule, verb="POST /x")

    @staticmethod
    def told(stage: Stage) -> list[tuple[UUID | None, UUID | None]]:
        notes = stage.office.world.tables.notes
        found = [each for each in notes if each.note.type is AuditType.PERMISSION_DENIED]
        assert {each.via for each in found} <= {"visitor"}
        return [(each.company_id, each.actor_id) for each in found]

    async def test_of_nobody_who_is_known_one_a_minute_is_kept_of_each_rule_and_part_of_the_network(
        self, stage: Stage
    ) -> None:
        for rule in ("one", "two"):
            for number in range(100):
                await self.refused(stage, at=f"10.{number}.0.1", rule=rule)
        assert self.told(stage) == [(None, None)] * 16 and stage.log.written == 16
        stage.office.clock.advance(timedelta(minutes=1))
        await self.refused(stage)
        assert len(self.told(stage)) == 17

    async def test_of_a_connection_its_company_is_told_and_of_made_up_ones_nobody(self, stage: Stage) -> None:
        office = stage.office
        connection = await connected(office)
        for _ in range(2):
            await self.refused(stage, Concern(connection_id=connection.id))
        for _ in range(5):
            await self.refused(stage, Concern(connection_id=an_id()))
        assert self.told(stage) == [(office.olga.company_id, None), (None, None)]

    async def test_of_an_account_all_its_companies_are_told_once_wherever_it_comes_from(self, stage: Stage) -> None:
        office = stage.office
        ann = office.auth.actor_of((await office.register()).access_token)
        there = await office.world.joins(ann, office.olga.company_id)
        for number in range(5):
            await self.refused(stage, Concern(account_id=ann.account_id), at=f"10.{number}.0.1")
        assert set(self.told(stage)) == {(each.company_id, each.user_id) for each in (ann, there)}
        assert (len(self.told(stage)), stage.log.written) == (2, 1)

    @pytest.mark.parametrize("how", ["id", "code"])
    async def test_the_company_is_told_that_they_were_to_enter_and_no_other(self, stage: Stage, how: str) -> None:
        office = stage.office
        ann = office.auth.actor_of((await office.register()).access_token)
        there = await office.world.joins(ann, office.olga.company_id)
        await office.world.deactivate(there)
        named = {"company_id": there.company_id} if how == "id" else {"company_code": "acme"}
        await self.refused(stage, Concern(account_id=ann.account_id, **named))
        assert self.told(stage) == [(there.company_id, there.user_id)]
        # Of one that they have nothing to do with, their own are told.
        await self.refused(stage, Concern(account_id=ann.account_id, company_code="another's"))
        assert self.told(stage)[1:] == [(ann.company_id, ann.user_id)]

    async def test_whoever_belongs_to_none_any_more_is_told_of_to_the_one_that_they_belonged_to(
        self, stage: Stage
    ) -> None:
        office = stage.office
        await office.world.deactivate(office.mia)
        await self.refused(stage, Concern(account_id=office.mia.account_id))
        assert self.told(stage) == [(office.olga.company_id, office.mia.user_id)]


async def test_an_export_leaves_out_what_is_noted_while_it_is_read_and_is_noted(stage: Stage) -> None:
    office = stage.office
    await promote(stage)
    office.clock.advance(timedelta(seconds=1))
    exported = await stage.exported(office.olga)
    assert exported == list(reversed(await stage.types(office.olga)))[: len(exported)]
    assert str(AuditType.EXPORT_MADE) not in exported
    assert (await stage.types(office.olga))[0] == AuditType.EXPORT_MADE


async def test_an_export_of_more_than_a_page_is_whole_and_in_order(stage: Stage) -> None:
    office = stage.office
    for number in range(450):
        await stage.audit.refused(office.mia, rule=f"rule {number}", verb="GET /x")
    office.clock.advance(timedelta(seconds=1))
    assert len(await stage.exported(office.olga, types=("permission.denied",))) == 450


async def test_a_span_that_ends_before_it_begins_is_refused(stage: Stage) -> None:
    at = stage.office.clock.now()
    for ask in (stage.types, stage.exported):
        with pytest.raises(SpanInvalid):
            await ask(stage.office.olga, since=at, until=at)
