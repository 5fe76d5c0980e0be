"""Signing in at providers, over the in-memory adapters: who is recognised, and what their session opens."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from core.auth.errors import SessionEnded
from core.auth.model import IDLE, LONGEST, LoginSession
from core.auth.use_cases.signing_in import Credentials
from core.kernel.actor import Actor, Role
from core.kernel.audit import AuditType, Note
from core.kernel.errors import ChangedMeanwhile, Concern
from core.kernel.step_up import AccountProofRequired, StepUpRequired
from core.oidc.errors import (
    LoginCodeInvalid,
    LoginRefused,
    LoginStateInvalid,
    OidcConnectionNotFound,
    ProviderUnusable,
    RedirectRefused,
)
from core.oidc.model import CODE_LIFE, STATE_LIFE, ConnectionChanges
from core.oidc.read_models import Claimed
from tests.builders import an_id
from tests.builders.office import EVERYONES, PAGE, PASSWORD, Office
from tests.builders.providers import ANN, BROWSER, begun, came_back, code_of, coming_back, connected, proved, signed_in
from tests.fakes.identity import InMemoryIdentityUnitOfWork
from tests.fakes.tokens import ReadableRefreshTokens

OF_EVERYONE = replace(ANN, issuer=EVERYONES.client.issuer)


def notes(office: Office, type: AuditType) -> list[Note]:
    return [each.note for each in office.world.tables.notes if each.note.type is type]


def session_of(office: Office, token: str | None) -> LoginSession:
    return office.world.tables.sessions[ReadableRefreshTokens().read(token or "")[0]]


async def refused(office: Office, connection_id: UUID, claimed: Claimed) -> str:
    """Why somebody is not let in, as the auditors are told."""
    office.providers.says = claimed
    # Of one reason, one a minute is kept.
    office.clock.advance(timedelta(minutes=1))
    before = office.world.snapshot()
    with pytest.raises(LoginRefused):
        await office.oidc_logins.come_back(BROWSER, coming_back(await begun(office, connection_id)))
    (told,) = office.world.tables.notes[len(before.notes) :]
    before.notes = office.world.tables.notes
    assert office.world.tables == before
    assert told.origin.address == BROWSER.address
    return str(told.note.details["reason"])


class TestDiscovering:
    async def test_the_domain_alone_leads_to_providers(self, office: Office) -> None:
        connection = await connected(office)
        found = await office.oidc_logins.discover(BROWSER, email="nobody@ACME.example")
        assert [(each.connection_id, each.company) for each in found] == [(connection.id, "Acme"), (EVERYONES.id, None)]
        assert [each.connection_id for each in await office.oidc_logins.discover(BROWSER, email="x@other.example")] == [
            EVERYONES.id
        ]

    async def test_a_provider_of_some_domains_is_for_these(self, office: Office) -> None:
        office.oidc_logins._instance = {EVERYONES.id: replace(EVERYONES, email_domains=("acme.example",))}
        assert len(await office.oidc_logins.discover(BROWSER, email="x@acme.example")) == 1
        assert await office.oidc_logins.discover(BROWSER, email="x@other.example") == ()
        await office.register("ann@other.example")
        other = replace(OF_EVERYONE, email="ann@other.example")
        assert await refused(office, EVERYONES.id, other) == "domain_unproved"


class TestBeginning:
    async def test_without_an_address_the_usual_page_is_come_back_to(self, office: Office) -> None:
        connection = await connected(office)
        office.providers.says = ANN
        sent = await office.oidc_logins.begin(BROWSER, connection.id, redirect_to=None)
        returned = await office.oidc_logins.come_back(BROWSER, coming_back(sent))
        assert returned.redirect_to.startswith(f"{PAGE}?code=")

    async def test_a_secret_that_cannot_be_opened_any_more_is_said_to_be(self, office: Office) -> None:
        connection = await connected(office)
        kept = office.stored.oidc_connections[connection.id]
        office.stored.oidc_connections[connection.id] = replace(
            kept, chosen=replace(kept.chosen, client_secret=b"of another installation")
        )
        with pytest.raises(ProviderUnusable):
            await begun(office, connection.id)

    async def test_a_provider_without_secret_is_asked_without(self, office: Office) -> None:
        connection = await connected(office, client_secret=None)
        assert not connection.has_client_secret
        assert (await signed_in(office, connection.id)).company.id == office.olga.company_id

    async def test_a_connection_of_a_company_that_is_gone_leads_nowhere(self, office: Office) -> None:
        connection = await connected(office)
        office.stored.company.is_active = False
        with pytest.raises(OidcConnectionNotFound):
            await begun(office, connection.id)


class TestComingBack:
    async def test_it_takes_ten_minutes_at_most(self, office: Office) -> None:
        connection = await connected(office)
        office.providers.says = ANN
        sent = await begun(office, connection.id)
        office.clock.advance(STATE_LIFE + timedelta(seconds=1))
        with pytest.raises(LoginStateInvalid):
            await office.oidc_logins.come_back(BROWSER, coming_back(sent))

    async def test_nothing_else_that_is_sealed_is_a_state(self, office: Office) -> None:
        """As whoever sets a connection up could have had anything sealed, as its secret."""
        connection = await connected(office)
        office.providers.says = ANN
        sent = await begun(office, connection.id)
        written = sent.sealed_state.removeprefix("sealed state: ")
        await office.oidc_connections.change(
            office.olga, office.olga.company_id, connection.id, ConnectionChanges(given={"client_secret": written})
        )
        kept = office.stored.oidc_connections[connection.id].chosen.client_secret.decode()
        with pytest.raises(LoginStateInvalid):
            await office.oidc_logins.come_back(BROWSER, replace(coming_back(sent), sealed_state=kept))
        assert await office.oidc_logins.come_back(BROWSER, coming_back(sent))

    async def test_the_code_is_good_for_sixty_seconds(self, office: Office) -> None:
        sent, returned = await came_back(office, (await connected(office)).id)
        office.clock.advance(CODE_LIFE)
        with pytest.raises(LoginCodeInvalid):
            await office.oidc_logins.redeem(BROWSER, code=code_of(returned), sealed_state=sent.sealed_state)

    async def test_a_connection_that_was_changed_meanwhile_is_not_believed(self, office: Office) -> None:
        connection = await connected(office)
        office.providers.says = ANN
        sent = await begun(office, connection.id)
        chosen = office.stored.oidc_connections[connection.id].chosen

        def change() -> None:
            kept = office.stored.oidc_connections[connection.id]
            office.stored.oidc_connections[connection.id] = replace(
                kept, chosen=replace(chosen, issuer="https://other.example")
            )

        office.providers.before_answering = change
        with pytest.raises(OidcConnectionNotFound):
            await office.oidc_logins.come_back(BROWSER, coming_back(sent))

    async def test_it_is_come_back_to_the_address_of_who_was_gone_to(self, office: Office) -> None:
        """A provider of another company hands the browser on to one that is honest (mix-up)."""
        hostile = await connected(office, by=await office.world.company("Hostile"))
        honest = await connected(office)
        office.providers.says = ANN
        gone_to = {hostile.id: hostile.id, honest.id: honest.id, EVERYONES.id: None}
        for connection_id, own_address in gone_to.items():
            for address in (hostile.id, honest.id, EVERYONES.id, None):
                if address != own_address:
                    given = coming_back(await begun(office, connection_id), connection_id=address)
                    with pytest.raises(LoginStateInvalid):
                        await office.oidc_logins.come_back(BROWSER, given)
        assert not office.world.tables.identities

    async def test_whoever_the_provider_did_not_let_in_is_refused(self, office: Office) -> None:
        connection = await connected(office)
        with pytest.raises(LoginRefused):
            await office.oidc_logins.come_back(BROWSER, coming_back(await begun(office, connection.id), code=None))
        (note,) = notes(office, AuditType.OIDC_REFUSED)
        assert note.details["reason"] == "provider"

    @pytest.mark.parametrize("of_everyone", [False, True])
    async def test_coming_back_over_and_over_is_told_once_a_minute_for_each_part_of_the_network(
        self, office: Office, of_everyone: bool
    ) -> None:
        connection_id = EVERYONES.id if of_everyone else (await connected(office)).id
        sent = await begun(office, connection_id)
        for minute in range(2):
            for number in range(100):
                with pytest.raises(LoginRefused) as refused:
                    visitor = replace(BROWSER, address=f"10.{number}.0.1")
                    await office.oidc_logins.come_back(visitor, coming_back(sent, code=None))
                assert refused.value.is_noted
            assert len(notes(office, AuditType.OIDC_REFUSED)) == 8 * (minute + 1)
            office.clock.advance(timedelta(minutes=1))
        told = {each.company_id for each in office.world.tables.notes if each.note.type is AuditType.OIDC_REFUSED}
        assert told == {None if of_everyone else office.olga.company_id}


class TestRecognising:
    async def test_somebody_new_is_known_by_subject_from_then_on(self, office: Office) -> None:
        connection = await connected(office)
        first = await signed_in(office, connection.id)
        assert (first.user.email, first.user.name, first.user.role) == (ANN.email, "Ann Miller", Role.MEMBER)
        elsewhere = replace(ANN, email=None, email_verified=False, name=None)
        assert (await signed_in(office, connection.id, elsewhere)).user.id == first.user.id
        (account,) = [each for each in office.world.tables.accounts.values() if each.email == ANN.email]
        assert account.password_hash is None and account.claimed_at and account.email_verified_at
        assert len(notes(office, AuditType.OIDC_LINKED)) == 1
        assert [note.details for note in notes(office, AuditType.OIDC_LOGIN)] == [{"connection_id": connection.id}] * 2

    @pytest.mark.parametrize("name", [None, "", "\x00\n", "x" * 300])
    async def test_a_name_that_is_none_is_made_from_the_address(self, office: Office, name: str | None) -> None:
        done = await signed_in(office, (await connected(office)).id, replace(ANN, name=name))
        assert done.user.name == ("x" * 200 if name and len(name) > 200 else "ann")

    async def test_a_username_that_is_taken_gets_a_number(self, office: Office) -> None:
        await proved(office, "other.example")
        connection = await connected(office, email_domains=["acme.example", "other.example"])
        first = await signed_in(office, connection.id)
        other = replace(ANN, subject="another", email="ann@other.example")
        assert (await signed_in(office, connection.id, other)).user.username == f"{first.user.username}.2"

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"email": None}, "no_email"),
            ({"email_verified": False}, "email_unverified"),
            ({"email": "nobody"}, "email_invalid"),
            ({"email": "ann@other.example"}, "domain_unproved"),
        ],
    )
    async def test_whom_the_provider_does_not_vouch_for_is_not_let_in(
        self, office: Office, fields: dict[str, Any], reason: str
    ) -> None:
        assert await refused(office, (await connected(office)).id, replace(ANN, **fields)) == reason

    async def test_a_domain_counts_that_is_proved_and_listed(self, office: Office) -> None:
        connection = await connected(office, email_domains=["listed.example"])
        assert await refused(office, connection.id, ANN) == "domain_unproved"
        listed = replace(ANN, email="ann@listed.example")
        assert await refused(office, connection.id, listed) == "domain_unproved"
        await proved(office, "listed.example")
        assert (await signed_in(office, connection.id, listed)).user.email == "ann@listed.example"

    async def test_nobody_becomes_a_user_where_the_provider_makes_none(self, office: Office) -> None:
        connection = await connected(office, jit_provisioning=False)
        assert await refused(office, connection.id, ANN) == "not_provisioned"
        await office.register(ANN.email or "")
        assert await refused(office, connection.id, ANN) == "not_provisioned"

    async def test_an_invitation_lets_in_by_its_role_and_is_used_up(self, office: Office) -> None:
        connection = await connected(office, jit_provisioning=False)
        await office.invitations.send(office.olga, email=ANN.email or "", role=Role.OWNER)
        assert (await signed_in(office, connection.id)).user.role is Role.OWNER
        (invitation,) = office.stored.invitations.values()
        assert invitation.accepted_at is not None

    async def test_one_that_is_no_longer_good_does_not(self, office: Office) -> None:
        connection = await connected(office, jit_provisioning=False)
        await office.invitations.send(office.adam, email=ANN.email or "", role=Role.ADMIN)
        office.clock.advance(timedelta(days=7))
        assert await refused(office, connection.id, ANN) == "not_provisioned"
        office.clock.advance(-timedelta(days=7))
        await office.world.change_role(office.adam, Role.MEMBER)
        assert await refused(office, connection.id, ANN) == "not_provisioned"

    async def test_an_owner_is_not_made_through_a_provider_that_an_admin_chose(self, office: Office) -> None:
        connection = await connected(office, by=office.adam, jit_provisioning=False)
        assert not connection.admits_owners
        await office.invitations.send(office.olga, email=ANN.email or "", role=Role.OWNER)
        assert await refused(office, connection.id, ANN) == "not_provisioned"

    async def test_a_user_who_was_made_and_has_not_accepted_does_so_by_coming(self, office: Office) -> None:
        from core.users.use_cases.users import NewUser

        connection = await connected(office, jit_provisioning=False)
        made, _ = await office.users.create(office.adam, NewUser(name="Annie", email=ANN.email))
        done = await signed_in(office, connection.id)
        assert (done.user.id, done.user.name) == (made.user.id, "Annie")
        assert office.stored.people[made.user.id].user.accepted_at is not None

    async def test_whoever_is_not_active_stays_out(self, office: Office) -> None:
        connection = await connected(office)
        done = await signed_in(office, connection.id)
        person = office.stored.people[done.user.id]
        office.stored.people[done.user.id] = replace(person, user=replace(person.user, is_active=False))
        assert await refused(office, connection.id, ANN) == "deactivated"

    async def test_an_owner_does_not_come_through_a_provider_that_an_admin_chose(self, office: Office) -> None:
        connection = await connected(office)
        done = await signed_in(office, connection.id)
        person = office.stored.people[done.user.id]
        office.stored.people[done.user.id] = replace(person, user=replace(person.user, role=Role.OWNER))
        here, changes = (
            (office.adam, office.adam.company_id, connection.id),
            ConnectionChanges(given={"client_id": "x"}),
        )
        await office.oidc_connections.change(*here, changes)
        assert await refused(office, connection.id, ANN) == "owner"
        await office.oidc_connections.change(office.olga, *here[1:], ConnectionChanges(given={"name": "Checked"}))
        assert (await signed_in(office, connection.id)).user.role is Role.OWNER

    async def test_whoever_is_known_by_another_address_does_not_become_a_user_by_this_one(self, office: Office) -> None:
        connection = await connected(office)
        await signed_in(office, connection.id)
        (account,) = [each for each in office.world.tables.accounts.values() if each.email == ANN.email]
        office.world.tables.accounts[account.id] = replace(account, email="ann@moved.example")
        person = next(each for each in office.stored.people.values() if each.user.account_id == account.id)
        del office.stored.people[person.user.id]
        assert await refused(office, connection.id, ANN) == "another_address"

    async def test_an_address_that_was_given_up_meanwhile_is_not_linked(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connection = await connected(office, jit_provisioning=True)
        await office.register(ANN.email or "")
        await signed_in(office, connection.id)
        office.world.tables.identities.clear()
        locked = InMemoryIdentityUnitOfWork.account

        async def moved(uow: Any, account_id: UUID) -> Any:
            account = await locked(uow, account_id)
            return replace(account, email="ann@moved.example") if account is not None else None

        monkeypatch.setattr(InMemoryIdentityUnitOfWork, "account", moved)
        office.providers.says = ANN
        with pytest.raises(ChangedMeanwhile):
            await office.oidc_logins.come_back(BROWSER, coming_back(await begun(office, connection.id)))

    async def test_an_account_that_is_opened_at_the_same_moment_is_not_opened_twice(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connection = await connected(office)
        await office.register(ANN.email or "")

        async def not_yet(uow: Any, email: str) -> None:
            return None

        monkeypatch.setattr(InMemoryIdentityUnitOfWork, "account_by_email", not_yet)
        office.providers.says = ANN
        with pytest.raises(ChangedMeanwhile):
            await office.oidc_logins.come_back(BROWSER, coming_back(await begun(office, connection.id)))

    async def test_where_no_username_is_left_nobody_is_let_in(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def none_free(uow: Any, company_id: UUID, candidates: list[str]) -> None:
            return None

        connection = await connected(office)
        monkeypatch.setattr(InMemoryIdentityUnitOfWork, "free_username", none_free)
        office.providers.says = ANN
        with pytest.raises(ChangedMeanwhile):
            await office.oidc_logins.come_back(BROWSER, coming_back(await begun(office, connection.id)))

    async def test_whoever_is_known_comes_into_another_company_by_an_address_all_the_same(self, office: Office) -> None:
        """Two companies use one provider: being known there does not make anybody a user of both."""
        await signed_in(office, (await connected(office)).id)
        other = await connected(office, by=await office.world.company("Other"))
        assert await refused(office, other.id, replace(ANN, email_verified=False)) == "email_unverified"
        assert (await signed_in(office, other.id)).user.email == ANN.email


class TestTheAccount:
    async def test_one_whose_address_nobody_proved_is_stripped(self, office: Office) -> None:
        squatting = await office.register(ANN.email or "")
        connection = await connected(office)
        await signed_in(office, connection.id)
        with pytest.raises(SessionEnded):
            await office.auth.me(office.auth.actor_of(squatting.access_token))
        (account,) = [each for each in office.world.tables.accounts.values() if each.email == ANN.email]
        assert account.password_hash is None and account.email_verified_at and account.claimed_at
        (note,) = {str(each.details) for each in notes(office, AuditType.OIDC_LINKED)}
        assert note == "{'stripped': True}"

    async def test_one_whose_address_is_proved_keeps_what_it_has(self, office: Office) -> None:
        there = await office.register(ANN.email or "")
        office.change_account(ANN.email or "", email_verified_at=office.clock.now())
        await signed_in(office, (await connected(office)).id)
        await office.auth.me(office.auth.actor_of(there.access_token))
        again = await office.auth.login(BROWSER, Credentials(email=ANN.email, password=PASSWORD))
        assert again.user is not None


class TestRoles:
    async def test_words_decide_at_each_sign_in(self, office: Office) -> None:
        fields = {"role_claim": "groups", "role_map": {"it": Role.ADMIN, "staff": Role.MEMBER}}
        connection = await connected(office, **fields)
        roles = []
        for words in (("it",), ("staff",), ("staff", "it"), (), ("others",)):
            roles.append((await signed_in(office, connection.id, replace(ANN, roles=words))).user.role)
        assert roles == [Role.ADMIN, Role.MEMBER, Role.ADMIN, Role.MEMBER, Role.MEMBER]
        assert len(notes(office, AuditType.ROLE_CHANGED)) == 3

    async def test_without_a_claim_the_role_stays(self, office: Office) -> None:
        connection = await connected(office, default_role=Role.ADMIN)
        done = await signed_in(office, connection.id)
        assert done.user.role is Role.ADMIN
        person = office.stored.people[done.user.id]
        office.stored.people[done.user.id] = replace(person, user=replace(person.user, role=Role.MEMBER))
        assert (await signed_in(office, connection.id)).user.role is Role.MEMBER


class TestAProviderOfTheInstallation:
    async def test_it_signs_in_to_the_account_itself(self, office: Office) -> None:
        there = await office.register(ANN.email or "")
        done = await signed_in(office, EVERYONES.id, OF_EVERYONE)
        assert done.user.id == there.user.id
        session = session_of(office, done.refresh_token)
        assert session.general_at == office.clock.now() and session.sso_company_ids == ()

    async def test_it_opens_no_account(self, office: Office) -> None:
        assert await refused(office, EVERYONES.id, OF_EVERYONE) == "no_account"

    async def test_it_does_not_open_a_company_that_has_its_own(self, office: Office) -> None:
        await office.world.joins(await self._ann(office), office.olga.company_id)
        await connected(office, enforce_sso=True)
        done = await signed_in(office, EVERYONES.id, OF_EVERYONE)
        assert done.company.id != office.olga.company_id

    async def _ann(self, office: Office) -> Actor:
        return office.auth.actor_of((await office.register(ANN.email or "")).access_token)


class TestFreshness:
    """A sign-in stands for a proof of the last ten minutes where one is needed."""

    async def _here(self, office: Office, connection_id: UUID, authenticated_at: datetime | None) -> Actor:
        claimed = replace(ANN, authenticated_at=authenticated_at)
        return office.auth.actor_of((await signed_in(office, connection_id, claimed)).access_token)

    async def test_what_was_proved_to_the_provider_long_ago_is_no_fresh_proof(self, office: Office) -> None:
        connection = await connected(office, default_role=Role.ADMIN)
        now = office.clock.now()
        for proved_at, kept in (
            (None, now),
            (now - timedelta(minutes=9), now - timedelta(minutes=9)),
            (now + timedelta(days=1), now),
        ):
            here = await self._here(office, connection.id, proved_at)
            assert office.world.tables.sessions[here.session_id].authenticated_at == kept
            await office.email_domains.claim(here, here.company_id, domain=f"d{office.head}.example")
        here = await self._here(office, connection.id, now - timedelta(minutes=10))
        with pytest.raises(StepUpRequired):
            await office.email_domains.claim(here, here.company_id, domain="late.example")
        # It is as good a session as any, and lives as long.
        assert office.world.tables.sessions[here.session_id].expires_at == now + IDLE

    async def test_the_provider_is_asked_for_a_new_proof_where_that_is_wanted(self, office: Office) -> None:
        connection = await connected(office)
        for anew in (False, True):
            sent = await office.oidc_logins.begin(BROWSER, connection.id, redirect_to=None, anew=anew)
            assert ("max_age=0" in sent.address) is anew

    async def test_the_accounts_own_second_factor_is_asked_for_where_one_must_be_fresh(self, office: Office) -> None:
        """The operator's provider vouches for the account, and signs in without a code of ours."""
        there = office.auth.actor_of((await office.register(ANN.email or "")).access_token)
        office.change_account(ANN.email or "", email_verified_at=office.clock.now())
        secret, _ = await office.enable_factor(there)
        done = await signed_in(office, EVERYONES.id, OF_EVERYONE)
        here = office.auth.actor_of(done.access_token)
        session = session_of(office, done.refresh_token)
        assert session.general_at == office.clock.now() and session.second_factor_at is None
        with pytest.raises(StepUpRequired):
            await office.sessions.change_password(here, current_password=None, new_password="another long secret")
        with pytest.raises(StepUpRequired):
            await office.email.change(here, email="ann@moved.example")
        with pytest.raises(StepUpRequired):
            await office.factors.renew_recovery_codes(here)
        await office.sessions.step_up(here, code=office.code(secret, later=1))
        await office.sessions.change_password(here, current_password=None, new_password="another long secret")


class TestWhatASessionOpens:
    async def test_a_companys_provider_opens_that_company_until_the_account_is_proved(self, office: Office) -> None:
        there = office.auth.actor_of((await office.register(ANN.email or "")).access_token)
        office.change_account(ANN.email or "", email_verified_at=office.clock.now())
        done = await signed_in(office, (await connected(office)).id)
        here = office.auth.actor_of(done.access_token)
        with pytest.raises(AccountProofRequired):
            await office.auth.switch_company(here, there.company_id)
        await office.sessions.step_up(here, password=PASSWORD)
        assert (await office.auth.switch_company(here, there.company_id)).company.id == there.company_id

    async def test_a_browser_keeps_what_it_proved_before(self, office: Office) -> None:
        first = await office.register(ANN.email or "")
        office.change_account(ANN.email or "", email_verified_at=office.clock.now())
        office.clock.advance(timedelta(days=1))
        connection = await connected(office, by=await self._afresh(office))
        done = await signed_in(office, connection.id, earlier_token=first.refresh_token)
        session, earlier = session_of(office, done.refresh_token), session_of(office, first.refresh_token)
        assert earlier.revoked_at is not None
        assert (session.general_at, session.authenticated_at) == (earlier.general_at, earlier.authenticated_at)
        assert session.sso_company_ids == (office.olga.company_id,)
        assert session.created_at == earlier.created_at

    async def test_a_company_hears_of_its_own_connection_alone(self, office: Office) -> None:
        first = await office.register(ANN.email or "")
        office.change_account(ANN.email or "", email_verified_at=office.clock.now())
        connection = await connected(office)
        for earlier, told in (
            (None, {office.olga.company_id: {"connection_id": connection.id}}),
            (
                first.refresh_token,
                {office.olga.company_id: {"connection_id": connection.id}, first.company.id: {}},
            ),
        ):
            before = len(office.world.tables.notes)
            await signed_in(office, connection.id, earlier_token=earlier)
            found = [each for each in office.world.tables.notes[before:] if each.note.type is AuditType.OIDC_LOGIN]
            assert {each.company_id: dict(each.note.details) for each in found} == told

    async def test_whoever_refuses_says_whose_connection_it_was(self, office: Office) -> None:
        connection = await connected(office)
        sent, returned = await came_back(office, connection.id)
        concern, code = Concern(connection_id=connection.id), code_of(returned)
        with pytest.raises(RedirectRefused) as elsewhere:
            await office.oidc_logins.begin(BROWSER, connection.id, redirect_to="https://evil.example/")
        with pytest.raises(LoginStateInvalid) as another:
            await office.oidc_logins.come_back(BROWSER, coming_back(sent, state="another"))
        await office.oidc_logins.redeem(BROWSER, code=code, sealed_state=sent.sealed_state)
        with pytest.raises(LoginCodeInvalid) as used:
            await office.oidc_logins.redeem(BROWSER, code=code, sealed_state=sent.sealed_state)
        assert {each.value.concern for each in (elsewhere, another, used)} == {concern}
        with pytest.raises(LoginStateInvalid) as nobodys:
            await office.oidc_logins.redeem(BROWSER, code=code, sealed_state=None)
        assert nobodys.value.concern == Concern()

    async def _afresh(self, office: Office) -> Actor:
        session = office.world.tables.sessions[office.olga.session_id]
        office.world.tables.sessions[session.id] = replace(session, authenticated_at=office.clock.now())
        return office.olga

    @pytest.mark.parametrize("token", ["nonsense", f"{an_id()}.1.nonce"])
    async def test_a_token_that_names_none_takes_nothing_over(self, office: Office, token: str) -> None:
        done = await signed_in(office, (await connected(office)).id, earlier_token=token)
        assert session_of(office, done.refresh_token).general_at is None

    async def test_nor_does_one_that_is_forged_used_or_somebody_elses(self, office: Office) -> None:
        first = await office.register(ANN.email or "")
        office.change_account(ANN.email or "", email_verified_at=office.clock.now())
        connection = await connected(office)
        token = first.refresh_token or ""
        refreshed = await office.auth.refresh(token, company_id=None, from_cookie=True)
        await office.auth.refresh(refreshed.refresh_token, company_id=None, from_cookie=True)
        bob = await office.register("bob@example.com")
        for wrong in (f"{token}x", bob.refresh_token):
            done = await signed_in(office, connection.id, earlier_token=wrong)
            assert session_of(office, done.refresh_token).general_at is None
            assert session_of(office, token).revoked_at is None
        assert session_of(office, bob.refresh_token).revoked_at is None
        done = await signed_in(office, connection.id, earlier_token=token)
        assert session_of(office, done.refresh_token).general_at is None
        # Its successor is somebody's: as at any other second use, the login session ends.
        assert session_of(office, token).revoked_at is not None
        assert notes(office, AuditType.REFRESH_REUSED)

    async def test_a_browser_that_is_signed_out_at_that_moment_takes_nothing_over(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = await office.register(ANN.email or "")
        looked = InMemoryIdentityUnitOfWork.glance

        async def then_signed_out(uow: Any, session_id: UUID) -> Any:
            found = await looked(uow, session_id)
            session = office.world.tables.sessions[session_id]
            office.world.tables.sessions[session_id] = replace(session, revoked_at=office.clock.now())
            return found

        monkeypatch.setattr(InMemoryIdentityUnitOfWork, "glance", then_signed_out)
        given = Credentials(email=ANN.email, password=PASSWORD)
        with pytest.raises(ChangedMeanwhile):
            await office.auth.login(BROWSER, given, earlier_token=first.refresh_token)

    async def test_a_code_that_is_used_at_the_same_moment_opens_once(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from tests.fakes.oidc import InMemoryLinkingUnitOfWork

        sent, returned = await came_back(office, (await connected(office)).id)

        async def too_late(uow: Any, session: LoginSession, *, code_digest: bytes) -> bool:
            return False

        monkeypatch.setattr(InMemoryLinkingUnitOfWork, "redeem", too_late)
        with pytest.raises(LoginCodeInvalid):
            await office.oidc_logins.redeem(BROWSER, code=code_of(returned), sealed_state=sent.sealed_state)


class TestJoining:
    """Of login sessions, by themselves."""

    def _session(self, office: Office, *, age: timedelta = timedelta(), of: UUID | None = None) -> LoginSession:
        return LoginSession.begin(
            id=an_id(),
            account_id=an_id(),
            nonce=b"n",
            agent=None,
            address=None,
            at=office.clock.now() - age,
            by_provider_of=of,
        )

    async def test_what_proves_nothing_more_changes_nothing(self, office: Office) -> None:
        company = an_id()
        for later, earlier in (
            (self._session(office), self._session(office, age=timedelta(days=80))),
            (self._session(office, of=company), self._session(office, age=timedelta(days=80), of=company)),
        ):
            before = replace(later)
            later.join(earlier)
            assert later == before

    async def test_no_proof_lasts_longer_for_being_taken_over(self, office: Office) -> None:
        later, earlier = self._session(office), self._session(office, age=timedelta(days=85), of=an_id())
        later.join(earlier)
        assert later.expires_at == earlier.created_at + LONGEST < office.clock.now() + IDLE
        assert later.authenticated_at == earlier.authenticated_at

    async def test_what_a_company_began_reaches_what_such_began(self, office: Office) -> None:
        here, there = an_id(), an_id()
        general, one = self._session(office), self._session(office, of=here)
        both = replace(one, sso_company_ids=(here, there))
        assert general.reach is None and one.reach == (here,)
        assert [general.reaches(each) for each in (general, one, both)] == [True, True, True]
        assert [one.reaches(each) for each in (general, one, both)] == [False, True, False]
        assert [both.reaches(each) for each in (general, one, both)] == [False, True, True]
