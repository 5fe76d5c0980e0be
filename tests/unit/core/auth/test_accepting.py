"""Joining by a link: what each kind of address and account gets, and what nobody does."""

from dataclasses import replace

import pytest

from core.auth.errors import PasswordChangeRequired, SessionEnded, SignInFirst, TooManyFailures
from core.auth.model import Account
from core.auth.read_models import SignedIn
from core.auth.use_cases.accepting import Acceptance
from core.kernel.actor import Actor, Role, Visitor
from core.kernel.errors import Invalid
from core.users.errors import EmailTaken, InvitationForAnother, InvitationNotFound
from core.users.model import UserStatus
from core.users.use_cases.users import NewUser
from tests.builders.office import PASSWORD, Office

BEA = "bea@example.com"


async def invited(office: Office, email: str = BEA, role: Role = Role.MEMBER) -> str:
    view, _ = await office.invitations.send(office.olga, email=email, role=role)
    assert view.token is not None
    return view.token


async def accept(office: Office, token: str, *, actor: Actor | None = None, **fields: str | None) -> SignedIn:
    given = {"password": None if actor else PASSWORD, **fields}
    return await office.acceptance.accept(Visitor(agent="Firefox"), Acceptance(token=token, **given), actor=actor)


async def registered(office: Office, email: str = BEA) -> Actor:
    """Somebody with a company of their own."""
    await office.register(email)
    tables = office.world.tables
    (account,) = (each for each in tables.accounts.values() if each.email == email)
    (session,) = (each for each in tables.sessions.values() if each.account_id == account.id)
    (theirs,) = (each for each in tables.companies.values() if each.company.id == session.current_company_id)
    (person,) = theirs.people.values()
    return Actor(
        company_id=theirs.company.id, user_id=person.user.id, account_id=account.id, session_id=session.id,
        role=Role.OWNER,
    )  # fmt: skip


async def test_a_newcomer_gets_an_account_of_their_own_a_user_and_a_device(office: Office) -> None:
    token, head = await invited(office, role=Role.ADMIN), office.head
    done = await accept(office, token, name="Bea Bloom", username="bloom")
    assert (done.user.name, done.user.username, done.user.email) == ("Bea Bloom", "bloom", BEA)
    assert (done.user.role, done.user.status, done.company.id) == (
        Role.ADMIN, UserStatus.ACTIVE, office.olga.company_id,
    )  # fmt: skip
    assert done.refresh_token is not None
    (account,) = (each for each in office.world.tables.accounts.values() if each.email == BEA)
    assert (account.claimed_at, account.password_is_temporary) == (office.clock.now(), False)
    created, accepted = office.facts(after=head)
    assert [created.event, accepted.event] == ["user_created", "invitation_accepted"]
    assert created.audience.named == (done.user.id,)
    assert accepted.body["user_id"] == str(done.user.id)
    assert {created.actor_id, accepted.actor_id} == {done.user.id}
    assert office.auth.actor_of(done.access_token).user_id == done.user.id


async def test_whoever_was_made_a_user_is_that_user_then(office: Office) -> None:
    made, _ = await office.users.create(office.adam, NewUser(name="Bea", email=BEA, role=Role.ADMIN))
    head = office.head
    done = await accept(office, made.token or "", name="Beatrice")
    assert (done.user.id, done.user.role, done.user.name) == (made.user.id, Role.ADMIN, "Beatrice")
    assert [fact.event for fact in office.facts(after=head)] == ["user_updated", "invitation_accepted"]
    (account,) = (each for each in office.world.tables.accounts.values() if each.email == BEA)
    assert (account.name, account.version, account.claimed_at) == ("Beatrice", 2, office.clock.now())


async def test_whoever_is_signed_in_goes_on_with_the_same_device(office: Office) -> None:
    bea = await registered(office)
    before = dict(office.world.tables.accounts)
    done = await accept(office, await invited(office), actor=bea)
    assert (done.company.id, done.refresh_token) == (office.olga.company_id, None)
    session = office.world.tables.sessions[bea.session_id]
    assert session.current_company_id == office.olga.company_id
    assert office.world.tables.accounts == before
    there = office.auth.actor_of(done.access_token)
    assert (there.session_id, there.account_id) == (bea.session_id, bea.account_id)


async def test_a_link_opens_no_account_that_is_somebodys(office: Office) -> None:
    await registered(office)
    await office.users.create(office.adam, NewUser(name="C", email="c@example.com", password="a temporary secret"))
    elsewhere = await office.world.company("Other")
    for email in (BEA, "c@example.com"):
        view, _ = await office.invitations.send(elsewhere, email=email, role=Role.MEMBER)
        before = office.world.snapshot()
        with pytest.raises(SignInFirst):
            await accept(office, view.token or "", password="Mallory's 0wn word")
        assert office.world.tables == before


async def test_a_link_that_an_account_without_password_was_claimed_by_is_not_followed_by_another(
    office: Office,
) -> None:
    """Two companies made the same person a user; one of the links chooses the password, and one alone."""
    elsewhere = await office.world.company("Other")
    links = [
        (await office.users.create(by, NewUser(name="Bea", email=BEA))).value.token or ""
        for by in (office.olga, elsewhere)
    ]
    await accept(office, links[0])
    with pytest.raises(SignInFirst):
        await accept(office, links[1], password="Mallory's 0wn word")


async def test_whoever_is_somebody_else_or_signed_out_is_refused_and_nothing_happens(office: Office) -> None:
    token = await invited(office)
    await office.world.sign_out(office.max)
    before = office.world.snapshot()
    for actor, refusal in ((office.mia, InvitationForAnother), (office.max, SessionEnded)):
        with pytest.raises(refusal):
            await accept(office, token, actor=actor)
    with pytest.raises(SessionEnded):
        await accept(office, "none", actor=office.max)
    with pytest.raises(Invalid):
        await accept(office, token, password=None)
    assert office.world.tables == before


async def test_a_link_works_once(office: Office) -> None:
    token = await invited(office)
    await accept(office, token)
    with pytest.raises(InvitationNotFound):
        await accept(office, token)


async def test_a_link_is_of_no_use_to_the_account_of_another_user(office: Office) -> None:
    """The user was given another account since: nobody else becomes them."""
    made, _ = await office.users.create(office.adam, NewUser(name="Bea", email=BEA))
    person = office.stored.people[made.user.id]
    office.stored.people[made.user.id] = replace(person, user=replace(person.user, account_id=office.world.ids.new()))
    with pytest.raises(InvitationNotFound):
        await accept(office, made.token or "")


async def test_usernames_are_made_from_the_address_until_one_is_free(office: Office) -> None:
    names = [(await accept(office, await invited(office, f"sam@{each}.example.com"))).user.username for each in "abc"]
    assert names == ["sam", "sam.2", "sam.3"]


async def account_of(office: Office, email: str = BEA) -> Account:
    (found,) = (each for each in office.world.tables.accounts.values() if each.email == email)
    return found


@pytest.mark.parametrize("how", ["demoted", "deactivated"])
async def test_a_link_is_as_good_as_its_sender(office: Office, how: str) -> None:
    view, _ = await office.invitations.send(office.adam, email=BEA, role=Role.ADMIN)
    if how == "demoted":
        await office.world.change_role(office.adam, Role.MEMBER)
    else:
        await office.world.deactivate(office.adam)
    with pytest.raises(InvitationNotFound):
        await accept(office, view.token or "")


async def test_an_invitation_to_own_the_company_needs_an_owner_behind_it(office: Office) -> None:
    token = await invited(office, role=Role.OWNER)
    await office.world.change_role(office.olga, Role.ADMIN)
    with pytest.raises(InvitationNotFound):
        await accept(office, token)


class TestProvingOnesAccount:
    """Whoever belongs to no company cannot sign in, so the link and the account's own password do for both."""

    async def test_the_accounts_password_signs_in_and_accepts(self, office: Office) -> None:
        bea = await registered(office)
        before = await account_of(office)
        done = await accept(office, await invited(office))
        assert (done.company.id, done.refresh_token is not None) == (office.olga.company_id, True)
        assert office.auth.actor_of(done.access_token).account_id == bea.account_id
        assert await account_of(office) == before

    async def test_another_password_does_not_and_guesses_are_counted(self, office: Office) -> None:
        await registered(office)
        token = await invited(office)
        for _ in range(5):
            with pytest.raises(SignInFirst):
                await accept(office, token, password="not the one of bea")
        with pytest.raises(TooManyFailures):
            await accept(office, token)

    async def test_a_temporary_one_has_to_be_replaced(self, office: Office) -> None:
        made, _ = await office.users.create(office.adam, NewUser(name="Bea", email=BEA, password="a temporary secret"))
        elsewhere = await office.world.company("Other")
        view, _ = await office.invitations.send(elsewhere, email=BEA, role=Role.MEMBER)
        with pytest.raises(PasswordChangeRequired):
            await accept(office, view.token or "", password="a temporary secret")
        done = await accept(office, view.token or "", password="a temporary secret", new_password=PASSWORD)
        assert done.company.id == elsewhere.company_id
        account = await account_of(office)
        assert (account.password_is_temporary, account.claimed_at) == (False, office.clock.now())
        assert made.user.id in office.stored.people

    async def test_a_new_password_has_nothing_else_to_replace(self, office: Office) -> None:
        token = await invited(office)
        with pytest.raises(Invalid) as refused:
            await accept(office, token, new_password="another long secret")
        assert [fault.pointer for fault in refused.value.faults] == ["/new_password"]


class TestRegisteringAgain:
    """No account is a dead end: neither one that an admin made, nor one that was left alone."""

    async def test_an_account_that_nobody_had_the_password_of_is_taken_over(self, office: Office) -> None:
        made, _ = await office.users.create(office.adam, NewUser(name="B", email=BEA))
        await office.register(BEA)
        account = await account_of(office)
        assert (account.password_hash, account.claimed_at) == (f"turned:{PASSWORD[::-1]}", office.clock.now())
        # They still have to accept what they were asked.
        assert office.stored.people[made.user.id].user.accepted_at is None

    async def test_who_left_every_company_opens_one_with_their_password(self, office: Office) -> None:
        bea = await registered(office)
        office.world.tables.companies[bea.company_id].company.is_active = False
        with pytest.raises(EmailTaken):
            await office.register(BEA, password="not the one of bea")
        done = await office.register(BEA)
        assert done.company.id != bea.company_id
        assert office.auth.actor_of(done.access_token).account_id == bea.account_id

    async def test_who_has_a_company_signs_in_instead(self, office: Office) -> None:
        await registered(office)
        before = office.world.snapshot()
        with pytest.raises(EmailTaken):
            await office.register(BEA)
        assert office.world.tables == before
