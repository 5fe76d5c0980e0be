"""Recognising the tokens that requests bring."""

from datetime import timedelta

import pytest

from core.auth.errors import TokenInvalid
from core.kernel.actor import Actor, NotByToken, Role, System, Via
from core.kernel.errors import DatabaseAway
from core.kernel.paging import PageRequest, Sort
from core.tokens.model import Scope
from core.tokens.use_cases import presenting
from tests.builders.office import Office


@pytest.fixture
async def office() -> Office:
    return await Office.open()


class TestRecognising:
    async def test_a_token_stands_for_its_holder(self, office: Office) -> None:
        made = await office.api_token(of=office.mia, scopes=(Scope.TASKS_WRITE, Scope.CYCLES_READ))
        assert office.presented_tokens.remembered(made.secret) is None
        actor = await office.presented_tokens.recognise(made.secret)
        assert actor == Actor(
            company_id=office.mia.company_id,
            user_id=office.mia.user_id,
            account_id=office.mia.account_id,
            session_id=None,
            role=Role.MEMBER,
            via=Via.TOKEN,
            token_id=made.token.id,
            scopes=frozenset({"tasks:write", "cycles:read"}),
        )
        assert actor.key_id == made.token.id
        assert office.presented_tokens.remembered(made.secret) == actor

    async def test_the_database_is_asked_once(self, office: Office) -> None:
        made = await office.api_token()
        await office.presented_tokens.recognise(made.secret)
        for _ in range(5):
            assert office.presented_tokens.remembered(made.secret) is not None
        assert office.world.presented_tokens.asked == 1

    @pytest.mark.parametrize("text", ["", "mangled", "access-1"])
    async def test_what_no_token_can_be_is_refused_without_asking(self, office: Office, text: str) -> None:
        with pytest.raises(TokenInvalid):
            office.presented_tokens.remembered(text)
        with pytest.raises(TokenInvalid):
            await office.presented_tokens.recognise(text)
        office.presented_tokens.forget(text)
        assert office.world.presented_tokens.asked == 0

    async def test_an_unknown_one_is_not_remembered(self, office: Office) -> None:
        for asked in (1, 2):
            assert office.presented_tokens.remembered("token-99") is None
            with pytest.raises(TokenInvalid):
                await office.presented_tokens.recognise("token-99")
            assert office.world.presented_tokens.asked == asked

    async def test_one_that_has_expired_is_refused_without_asking_and_forgotten(self, office: Office) -> None:
        made = await office.api_token()
        await office.presented_tokens.recognise(made.secret)
        office.clock.advance(timedelta(days=90))
        with pytest.raises(TokenInvalid):
            office.presented_tokens.remembered(made.secret)
        assert office.presented_tokens.remembered(made.secret) is None
        assert office.world.presented_tokens.asked == 1

    async def test_one_without_end_is_remembered(self, office: Office) -> None:
        made = await office.api_token(of=await office.robot(), expires_at=None)
        await office.presented_tokens.recognise(made.secret)
        office.clock.advance(timedelta(days=9999))
        assert office.presented_tokens.remembered(made.secret) is not None

    async def test_what_the_database_let_in_no_more_is_unknown_again(self, office: Office) -> None:
        made = await office.api_token()
        await office.presented_tokens.recognise(made.secret)
        await office.api_tokens.revoke(office.adam, made.token.id)
        office.presented_tokens.forget(made.secret)
        assert office.presented_tokens.remembered(made.secret) is None
        with pytest.raises(TokenInvalid):
            await office.presented_tokens.recognise(made.secret)

    async def test_of_many_those_used_last_are_remembered(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(presenting, "_REMEMBERED", 2)
        first, second, third = [await office.api_token() for _ in range(3)]
        for made in (first, second):
            await office.presented_tokens.recognise(made.secret)
        assert office.presented_tokens.remembered(first.secret) is not None
        await office.presented_tokens.recognise(third.secret)
        known = [office.presented_tokens.remembered(made.secret) is not None for made in (first, second, third)]
        assert known == [True, False, True]


class TestUses:
    async def test_the_last_one_is_kept_when_it_is_time(self, office: Office) -> None:
        made = await office.api_token()
        actor = await office.presented_tokens.recognise(made.secret)
        for _ in range(2):
            office.clock.advance(timedelta(seconds=10))
            office.presented_tokens.used(actor)
        used_at = office.clock.now()
        assert office.stored.api_tokens[made.token.id].last_used_at is None
        office.clock.advance(timedelta(seconds=10))
        await office.presented_tokens.keep_uses(System())
        assert office.stored.api_tokens[made.token.id].last_used_at == used_at

    async def test_whoever_is_signed_in_uses_no_token(self, office: Office) -> None:
        before = office.world.snapshot()
        office.presented_tokens.used(office.adam)
        await office.presented_tokens.keep_uses(System())
        assert office.world.tables == before

    async def test_what_cannot_be_kept_now_is_kept_later(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        actors = [await office.by_token() for _ in range(2)]
        for actor in actors:
            office.presented_tokens.used(actor)
        earlier = office.clock.now()

        async def away(_: object) -> None:
            # Used once more, meanwhile.
            office.clock.advance(timedelta(seconds=1))
            office.presented_tokens.used(actors[1])
            raise DatabaseAway

        with monkeypatch.context() as without:
            without.setattr(office.world.presented_tokens, "note_uses", away)
            with pytest.raises(DatabaseAway):
                await office.presented_tokens.keep_uses(System())
        await office.presented_tokens.keep_uses(System())
        kept = [office.stored.api_tokens[actor.token_id].last_used_at for actor in actors]
        assert kept == [earlier, earlier + timedelta(seconds=1)]


class TestActingByToken:
    async def test_events_and_audit_say_so(self, office: Office) -> None:
        actor = await office.by_token(of=await office.robot(role=Role.ADMIN), scopes=(Scope.USERS_WRITE,))
        head, told = office.head, len(office.world.tables.notes)
        user = await office.robot("Another", by=actor)
        (event,) = office.facts(after=head)
        assert (event.event, event.actor_id, event.via) == ("user_created", actor.user_id, "token")
        (note,) = office.world.tables.notes[told:]
        assert (note.via, note.token_id, note.session_id, note.actor_id) == (
            "token", actor.token_id, None, actor.user_id,
        )  # fmt: skip
        assert user.name == "Another"

    async def test_who_i_am_is_answered_for_the_one_company(self, office: Office) -> None:
        other = await office.world.company("Other")
        await office.world.joins(office.mia, other.company_id)
        for of, account in ((office.mia, office.mia.account_id), (await office.robot(), None)):
            actor = await office.by_token(of=of)
            profile, _ = await office.auth.me(actor)
            page, _ = await office.companies.list(actor, sort=Sort(field="name"), page=PageRequest())
            assert (profile.user.id, actor.account_id) == (actor.user_id, account)
            assert [each.company_id for each in profile.companies] == [profile.company.id] == [office.mia.company_id]
            assert [view.id for view in page.items] == [office.mia.company_id]
            assert (await office.companies.get(actor, office.mia.company_id)).value.id == office.mia.company_id

    async def test_what_belongs_to_an_account_is_out_of_reach_of_the_core_too(self, office: Office) -> None:
        for of in (office.adam, await office.robot(role=Role.ADMIN)):
            actor = await office.by_token(of=of)
            before = office.world.snapshot()
            for ask in (
                lambda actor=actor: office.companies.open(actor, name="Mine", contact_email=None),
                lambda actor=actor: office.auth.switch_company(actor, office.olga.company_id),
                lambda actor=actor: office.sessions.revoke(actor, office.olga.session_id),
                lambda actor=actor: office.sessions.step_up(actor, password="a long enough secret"),
            ):
                with pytest.raises(NotByToken):
                    await ask()
            assert office.world.tables == before
