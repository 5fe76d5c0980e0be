"""What auditors are told of signing in, of what was tried, and of what people do about their accounts."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from core.auth.errors import (
    CodeInvalid,
    InvalidCredentials,
    NoActiveMembership,
    RefreshInvalid,
    SignInFirst,
    SsoRequired,
    TooManyFailures,
)
from core.auth.model import LoginSession
from core.auth.read_models import SignedIn
from core.auth.use_cases.credentials import Credentials
from core.kernel.actor import NOWHERE, Actor, Origin, System, Visitor
from core.kernel.audit import AuditType
from core.kernel.errors import Concern
from tests.builders import an_id
from tests.builders.office import PASSWORD, Office
from tests.fakes.identity import InMemoryIdentityUnitOfWork
from tests.fakes.tables import StoredNote

ANN = "ann@example.com"
HERE = Visitor(address="192.0.2.1", agent="Firefox", request_id="a-request")


class Ann:
    """Somebody in two companies, and what auditors have been told since the test began."""

    def __init__(self, office: Office, signed_in: SignedIn) -> None:
        self.office = office
        self.signed_in = signed_in
        self.actor = replace(office.auth.actor_of(signed_in.access_token), origin=HERE.origin)
        self._known = 0

    def forget(self) -> None:
        self._known = len(self.office.world.tables.notes)

    def told(self, what: AuditType | None = None) -> list[StoredNote]:
        found = self.office.world.tables.notes[self._known :]
        return [each for each in found if what in (None, each.note.type)]

    def types(self) -> list[AuditType]:
        """One of each event, though several companies were told."""
        return list(dict.fromkeys(each.note.type for each in self.told()))

    @property
    def companies(self) -> set[UUID]:
        return {self.actor.company_id, self.office.olga.company_id}

    async def login(self, password: str = PASSWORD, **given: Any) -> Any:
        return await self.office.auth.login(HERE, Credentials(password=password, **(given or {"email": ANN})))


@pytest.fixture
async def ann(office: Office) -> Ann:
    found = Ann(office, await office.register(ANN))
    await office.world.joins(found.actor, office.olga.company_id)
    found.forget()
    return found


async def test_registering_is_told_to_the_new_company(office: Office) -> None:
    before = len(office.world.tables.notes)
    signed_in = await office.register(ANN)
    told = [each for each in office.world.tables.notes[before:] if each.note.type is AuditType.REGISTERED]
    assert [each.company_id for each in told] == [signed_in.company.id]
    assert told[0].actor_id == signed_in.user.id and told[0].session_id is not None


async def test_every_company_of_the_account_is_told_who_signed_in_from_where(ann: Ann) -> None:
    actor = ann.office.auth.actor_of((await ann.login()).access_token)
    told = ann.told(AuditType.LOGIN_SUCCEEDED)
    assert {each.company_id for each in told} == ann.companies and len(told) == 2
    assert {each.origin for each in told} == {HERE.origin}
    assert {(each.session_id, each.via) for each in told} == {(actor.session_id, "session")}
    # Each of them by the name that the person has there, and none by another's.
    people = {each.company_id: each.actor_id for each in told}
    assert people[ann.actor.company_id] == ann.actor.user_id != people[ann.office.olga.company_id]


class TestRefused:
    async def test_a_wrong_password_is_told_to_every_company_of_the_account(self, ann: Ann) -> None:
        with pytest.raises(InvalidCredentials):
            await ann.login("a wrong guess")
        told = ann.told()
        assert {each.note.type for each in told} == {AuditType.LOGIN_FAILED}
        assert {each.company_id for each in told} == ann.companies
        assert {each.via for each in told} == {"visitor"}
        assert told[0].note.details == {"tried": "password"} and told[0].note.personal == {"name": ANN}
        assert "a wrong guess" not in repr(told)

    @pytest.mark.parametrize("given", [{"email": "nobody@example.com"}, {"username": "nobody", "company": "acme"}])
    async def test_for_a_name_that_nobody_has_it_is_told_to_nobody(self, ann: Ann, given: dict[str, str]) -> None:
        with pytest.raises(InvalidCredentials):
            await ann.login("a wrong guess", **given)
        (told,) = ann.told()
        assert (told.note.type, told.company_id, told.actor_id) == (AuditType.LOGIN_FAILED, None, None)
        assert told.origin == HERE.origin

    async def test_by_a_username_no_company_reads_which_one_was_named(self, ann: Ann) -> None:
        named = ann.signed_in.company
        for given in ({"company": named.code}, {"company_id": named.id}):
            with pytest.raises(InvalidCredentials):
                await ann.login("a wrong guess", username="ANN", **given)
            told = ann.told(AuditType.LOGIN_FAILED)
            assert {each.company_id for each in told} == ann.companies
            assert [each.note.personal for each in told] == [{"name": "ANN"}] * 2
            assert named.code not in repr(told[1].note) and str(named.id) not in repr(told[1].note)
            ann.forget()

    @pytest.mark.parametrize("email", [ANN, "nobody@example.com"])
    async def test_being_locked_is_told_once(self, ann: Ann, email: str) -> None:
        for _ in range(5):
            with pytest.raises(InvalidCredentials):
                await ann.login("a wrong guess", email=email)
        ann.forget()
        for _ in range(3):
            with pytest.raises(TooManyFailures):
                await ann.login(email=email)
        assert ann.types() == [AuditType.LOCKED]
        assert len(ann.told()) == (2 if email == ANN else 1)

    async def test_a_wrong_code_at_every_door(self, ann: Ann) -> None:
        office = ann.office
        await office.enable_factor(ann.actor)
        asked = await ann.login()
        ann.forget()
        doors: list[Callable[[], Awaitable[object]]] = [
            lambda: office.second_step.login(HERE, ticket=asked.ticket, code="000000"),
            lambda: office.sessions.step_up(ann.actor, code="000000"),
            lambda: office.factors.disable(ann.actor, code="000000"),
        ]
        for door in doors:
            with pytest.raises(CodeInvalid):
                await door()
            told = ann.told()
            assert ann.types() == [AuditType.LOGIN_FAILED] and told[0].note.details == {"tried": "code"}
            assert {each.company_id for each in told} == ann.companies
            assert {each.origin for each in told} == {HERE.origin}
            ann.forget()

    async def test_a_wrong_password_at_an_invitation(self, ann: Ann) -> None:
        elsewhere = await ann.office.world.company("Elsewhere")
        made, _ = await ann.office.invitations.send(elsewhere, email=ANN, role=elsewhere.role)
        ann.forget()
        given = replace(await ann.office.invited("x@example.com"), token=made.token or "", password="a wrong guess")
        ann.forget()
        with pytest.raises(SignInFirst):
            await ann.office.acceptance.accept(HERE, given, actor=None)
        assert ann.types() == [AuditType.LOGIN_FAILED]
        # Not to the company whose invitation it is: the account does not belong there yet.
        assert {each.company_id for each in ann.told()} == ann.companies


class TestSessions:
    async def test_refreshing_is_told_where_the_device_works(self, ann: Ann) -> None:
        origin = Origin(address="192.0.2.9")
        token = ann.signed_in.refresh_token
        await ann.office.auth.refresh(token, company_id=None, from_cookie=False, origin=origin)
        (told,) = ann.told()
        assert (told.note.type, told.company_id, told.origin) == (AuditType.REFRESHED, ann.actor.company_id, origin)

    @pytest.mark.parametrize("generations", [1, 2])
    async def test_a_token_that_was_used_twice_ends_the_session_and_is_told(self, ann: Ann, generations: int) -> None:
        """The one just replaced, or an older one: the thief's, or the holder's whose token was stolen."""
        stolen = newest = ann.signed_in.refresh_token
        for _ in range(generations):
            newest = (await ann.office.auth.refresh(newest, company_id=None, from_cookie=False)).refresh_token
        ann.forget()
        for token, types in ((stolen, [AuditType.REFRESH_REUSED]), (newest, []), (stolen, [])):
            with pytest.raises(RefreshInvalid):
                await ann.office.auth.refresh(token, company_id=None, from_cookie=False, origin=HERE.origin)
            assert ann.types() == types
            assert {each.company_id for each in ann.told()} == (ann.companies if types else set())
            ann.forget()

    async def test_so_is_one_that_a_browser_brings_along_to_sign_in(self, ann: Ann) -> None:
        old = newest = ann.signed_in.refresh_token
        for _ in range(2):
            newest = (await ann.office.auth.refresh(newest, company_id=None, from_cookie=False)).refresh_token
        ann.forget()
        given = Credentials(email=ANN, password=PASSWORD)
        done = await ann.office.auth.login(HERE, given, earlier_token=old)
        assert ann.types() == [AuditType.REFRESH_REUSED, AuditType.LOGIN_SUCCEEDED]
        assert {each.company_id for each in ann.told(AuditType.REFRESH_REUSED)} == ann.companies
        with pytest.raises(RefreshInvalid):
            await ann.office.auth.refresh(newest, company_id=None, from_cookie=False)
        await ann.office.auth.refresh(done.refresh_token, company_id=None, from_cookie=False)

    async def test_of_one_that_is_signed_out_at_that_moment_nothing_is_left_to_do(
        self, ann: Ann, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = newest = ann.signed_in.refresh_token
        for _ in range(2):
            newest = (await ann.office.auth.refresh(newest, company_id=None, from_cookie=False)).refresh_token
        looked = InMemoryIdentityUnitOfWork.glance

        async def then_signed_out(uow: InMemoryIdentityUnitOfWork, session_id: UUID) -> LoginSession | None:
            found = await looked(uow, session_id)
            await ann.office.auth.logout(ann.actor, refresh_token=None, everywhere=False)
            return found

        monkeypatch.setattr(InMemoryIdentityUnitOfWork, "glance", then_signed_out)
        ann.forget()
        await ann.office.auth.login(HERE, Credentials(email=ANN, password=PASSWORD), earlier_token=old)
        assert ann.types() == [AuditType.LOGGED_OUT, AuditType.LOGIN_SUCCEEDED]

    async def test_what_is_no_token_of_ours_is_not_told(self, ann: Ann) -> None:
        session = ann.actor.session_id
        for forged in (f"{session}.1.guessed", f"{session}.2.guessed", "nonsense"):
            with pytest.raises(RefreshInvalid):
                await ann.office.auth.refresh(forged, company_id=None, from_cookie=False)
        assert ann.told() == []
        await ann.office.auth.refresh(ann.signed_in.refresh_token, company_id=None, from_cookie=False)

    @pytest.mark.parametrize("everywhere", [True, False])
    async def test_signing_out(self, ann: Ann, everywhere: bool) -> None:
        await ann.office.auth.logout(ann.actor, refresh_token=None, everywhere=everywhere, origin=HERE.origin)
        assert ann.types() == [AuditType.LOGGED_OUT]
        assert ann.told()[0].note.details == {"everywhere": everywhere}
        ann.forget()
        await ann.office.auth.logout(ann.actor, refresh_token=None, everywhere=everywhere)
        assert ann.told() == []

    async def test_signing_another_device_out(self, ann: Ann) -> None:
        other = ann.office.auth.actor_of((await ann.login()).access_token)
        ann.forget()
        await ann.office.sessions.revoke(ann.actor, other.session_id)
        assert ann.types() == [AuditType.SESSION_REVOKED]
        assert ann.told()[0].note.details == {"session_id": other.session_id}
        assert ann.told()[0].session_id == ann.actor.session_id


class TestOnesOwnAccount:
    async def test_stepping_up_and_changing_the_password(self, ann: Ann) -> None:
        await ann.office.sessions.step_up(ann.actor, password=PASSWORD)
        await ann.office.sessions.change_password(ann.actor, current_password=None, new_password=PASSWORD[::-1])
        assert ann.types() == [AuditType.STEPPED_UP, AuditType.PASSWORD_CHANGED]
        assert {each.company_id for each in ann.told()} == ann.companies
        assert PASSWORD[::-1] not in repr(ann.told())

    async def test_the_life_of_a_second_factor(self, ann: Ann) -> None:
        secret, codes = await ann.office.enable_factor(ann.actor)
        assert ann.types() == [AuditType.TOTP_ENABLED]
        ann.forget()
        await ann.office.sessions.step_up(ann.actor, code=codes[0])
        assert ann.types() == [AuditType.RECOVERY_USED, AuditType.STEPPED_UP]
        assert ann.told()[0].note.details == {"left": 9}
        ann.forget()
        await ann.office.second_step.login(HERE, ticket=(await ann.login()).ticket, code=codes[1])
        assert ann.types() == [AuditType.RECOVERY_USED, AuditType.LOGIN_SUCCEEDED]
        assert ann.told(AuditType.LOGIN_SUCCEEDED)[0].note.details == {"second_factor": True}
        ann.forget()
        renewed = await ann.office.factors.renew_recovery_codes(ann.actor)
        await ann.office.factors.disable(ann.actor, code=renewed[0])
        assert ann.types() == [AuditType.RECOVERY_RENEWED, AuditType.RECOVERY_USED, AuditType.TOTP_DISABLED]
        for shown in (secret, *codes, *renewed):
            assert f"{shown!r}" not in repr(ann.told())

    async def test_a_temporary_password_that_is_replaced(self, ann: Ann) -> None:
        await ann.office.operator.reset_password(System(), ANN, temporary_password="temporary secret")
        told = ann.told(AuditType.PASSWORD_RESET)
        assert {each.company_id for each in told} == ann.companies
        assert {(each.via, each.origin) for each in told} == {("system", NOWHERE)}
        ann.forget()
        given = Credentials(email=ANN, password="temporary secret", new_password="another long secret")
        await ann.office.auth.login(HERE, given)
        assert ann.types() == [AuditType.PASSWORD_CHANGED, AuditType.LOGIN_SUCCEEDED]

    async def test_what_the_operator_takes_away(self, ann: Ann) -> None:
        await ann.office.enable_factor(ann.actor)
        ann.forget()
        await ann.office.operator.reset_factor(System(), ANN)
        assert ann.types() == [AuditType.TOTP_DISABLED]
        assert {each.via for each in ann.told()} == {"system"}

    async def test_unlocking_is_told_to_the_company_that_did_it(self, ann: Ann) -> None:
        there: Actor = await ann.office.world.person(ann.office.olga.company_id, name="Bea")
        ann.forget()
        await ann.office.unlocking.unlock(ann.office.adam, there.user_id)
        (told,) = ann.told()
        assert (told.note.type, told.company_id) == (AuditType.UNLOCKED, there.company_id)
        assert (told.note.details, told.actor_id) == ({"user_id": there.user_id}, ann.office.adam.user_id)

    async def test_accepting_an_invitation_signs_in(self, ann: Ann) -> None:
        bea = replace(await ann.office.invited("bea@example.com"), name="Bea")
        ann.forget()
        await ann.office.acceptance.accept(HERE, bea, actor=None)
        assert ann.types() == [AuditType.USER_CREATED, AuditType.INVITATION_ACCEPTED, AuditType.REGISTERED]
        assert {each.origin for each in ann.told()} == {HERE.origin}


class TestWhomARefusalConcerns:
    """It says so itself, since nobody is signed in yet."""

    async def test_a_company_that_is_entered_by_its_own_provider_alone(self, ann: Ann) -> None:
        office, company_id = ann.office, ann.office.olga.company_id
        office.stored.sso_enforced = True
        expected = Concern(account_id=ann.actor.account_id, company_id=company_id)
        for given in ({"email": ANN, "company_id": company_id}, {"email": ANN, "company": "acme"}):
            with pytest.raises(SsoRequired) as refused:
                await ann.login(**given)
            assert refused.value.concern == expected
        with pytest.raises(SsoRequired) as refused:
            await office.auth.refresh(ann.signed_in.refresh_token, company_id=company_id, from_cookie=True)
        assert refused.value.concern == expected

    async def test_a_company_that_somebody_is_in_no_more(self, ann: Ann) -> None:
        office, company_id = ann.office, ann.office.olga.company_id
        user_id = next(each.actor_id for each in await self._joined(ann) if each.company_id == company_id)
        assert user_id is not None
        await office.users.deactivate(office.olga, user_id)
        with pytest.raises(NoActiveMembership) as refused:
            await ann.login(email=ANN, company="acme")
        assert refused.value.concern == Concern(account_id=ann.actor.account_id, company_code="acme")

    async def _joined(self, ann: Ann) -> list[StoredNote]:
        await ann.login()
        return ann.told(AuditType.LOGIN_SUCCEEDED)

    async def test_a_company_that_one_is_invited_to(self, office: Office) -> None:
        given = await office.invited("new@example.com")
        office.stored.sso_enforced = True
        with pytest.raises(SsoRequired) as refused:
            await office.acceptance.accept(HERE, given, actor=None)
        assert refused.value.concern == Concern(company_id=office.olga.company_id)

    async def test_whose_cookie_a_foreign_page_sent_along(self, ann: Ann) -> None:
        old = ann.signed_in.refresh_token or ""
        newest = (await ann.office.auth.refresh(old, company_id=None, from_cookie=False)).refresh_token
        for token in (old, newest):
            assert await ann.office.auth.holder_of(HERE, token) == ann.actor.account_id
        for token in (None, "nonsense", f"{ann.actor.session_id}.1.guessed", f"{an_id()}.1.nonce1"):
            assert await ann.office.auth.holder_of(HERE, token) is None
