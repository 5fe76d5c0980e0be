from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from core.auth.model import Account
from core.auth.use_cases.accepting import Acceptance
from core.kernel.actor import Actor, NotByToken, Role, Visitor
from core.kernel.audit import AuditType, Note
from core.kernel.errors import Forbidden, Invalid
from core.kernel.events import Audience
from core.kernel.once import AlreadyAnswered
from core.kernel.paging import PageRequest, Sort
from core.kernel.step_up import StepUpRequired
from core.tokens.model import Scope
from core.users.errors import (
    AccountShared,
    AlreadyUser,
    EmailTaken,
    LastOwner,
    NotJoined,
    PasswordTooWeak,
    UsernameTaken,
    UserNotFound,
)
from core.users.model import InvitationStatus, User, UserChanges, UserKind, UserStatus
from core.users.ports import UserFilter
from core.users.read_models import NewUserView
from core.users.use_cases.users import NewUser
from tests.builders import an_id
from tests.builders.office import PASSWORD, Office
from tests.contracts.steps import a_key

BEA = "bea@example.com"
RESET, ADDRESS = AuditType.PASSWORD_RESET, AuditType.EMAIL_CHANGED
TEMPORARY = "a temporary secret"


def changing(**fields: object) -> UserChanges:
    return UserChanges(given=frozenset(fields), **fields)


def events(office: Office, *, after: int) -> list[str]:
    return [fact.event for fact in office.facts(after=after)]


def stored(office: Office, user_id: UUID) -> User:
    return office.stored.people[user_id].user


def account(office: Office, email: str = BEA) -> Account:
    (found,) = (each for each in office.world.tables.accounts.values() if each.email == email)
    return found


async def made(office: Office, *, by: Actor | None = None, **fields: object) -> NewUserView:
    given = {"name": "Bea Bloom", "email": BEA, **fields}
    return (await office.users.create(by or office.adam, NewUser(**given))).value


def signed_out(office: Office, actor: Actor) -> bool:
    return office.world.tables.sessions[actor.session_id].revoked_at is not None


class TestCreating:
    async def test_an_unknown_address_gets_an_account_a_link_and_a_user_that_waits(self, office: Office) -> None:
        head = office.head
        view, seq = await office.users.create(office.adam, NewUser(name=" Bea Bloom ", email="BEA@example.com"))
        user = view.user
        assert (user.name, user.email, user.username, user.role) == ("Bea Bloom", BEA, "bea", Role.MEMBER)
        assert (user.status, user.is_active, user.version) == (UserStatus.INVITED, True, 1)
        assert stored(office, user.id).accepted_at is None
        (invitation,) = office.stored.invitations.values()
        assert (invitation.user_id, invitation.email, invitation.invited_by) == (user.id, BEA, office.adam.user_id)
        assert view.token is not None
        assert invitation.token_digest == office.tokens.digest(view.token)
        assert view.expires_at == invitation.expires_at == office.clock.now() + timedelta(days=7)
        assert (account(office).password_hash, account(office).claimed_at) == (None, None)
        sent, created = office.facts(after=head)
        assert [(sent.event, sent.audience), (created.event, created.audience)] == [
            ("invitation_created", Audience()),
            ("user_created", Audience(named=(user.id,))),
        ]
        assert (created.channel, created.seq, created.actor_id) == ("notifications", seq, office.adam.user_id)
        assert view.token not in str([sent.body, created.body])

    async def test_with_a_temporary_password_they_may_act_at_once(self, office: Office) -> None:
        view = await made(office, password=TEMPORARY, role=Role.ADMIN)
        assert stored(office, view.user.id).accepted_at == office.clock.now()
        found = account(office)
        assert (found.password_hash, found.password_is_temporary) == (f"turned:{TEMPORARY[::-1]}", True)
        assert found.claimed_at is None

    async def test_a_known_address_has_to_accept_and_its_account_is_not_touched(self, office: Office) -> None:
        await office.register(BEA)
        before = account(office)
        view = await made(office, password=TEMPORARY, name="Not Ann")
        assert stored(office, view.user.id).accepted_at is None
        assert account(office) == before
        assert view.token is not None

    async def test_a_known_address_takes_the_same_work(self, office: Office) -> None:
        await office.register(BEA)
        efforts = []
        for email in (BEA, "cleo@example.com"):
            before = office.passwords.effort
            await made(office, email=email, password=TEMPORARY)
            efforts.append(office.passwords.effort - before)
        assert efforts == [1, 1]

    async def test_no_work_is_done_for_members(self, office: Office) -> None:
        effort = office.passwords.effort
        with pytest.raises(Forbidden):
            await made(office, by=office.mia, password=TEMPORARY)
        with pytest.raises(Forbidden):
            await office.users.change(office.mia, office.max.user_id, changing(), password=TEMPORARY)
        assert office.passwords.effort == effort

    async def test_a_service_has_no_account_no_address_and_no_link(self, office: Office) -> None:
        head, accounts = office.head, len(office.world.tables.accounts)
        view = await made(office, name="Build robot", kind=UserKind.SERVICE, email=None)
        assert (view.token, view.expires_at, view.user.email, view.user.status) == (None, None, None, UserStatus.ACTIVE)
        assert view.user.username == "build.robot"
        assert events(office, after=head) == ["user_created"]
        assert (len(office.world.tables.accounts), office.stored.invitations) == (accounts, {})

    async def test_an_earlier_invitation_of_the_address_is_taken_back(self, office: Office) -> None:
        earlier, _ = await office.invitations.send(office.adam, email=BEA, role=Role.ADMIN)
        head = office.head
        view = await made(office)
        assert events(office, after=head) == ["invitation_revoked", "invitation_created", "user_created"]
        assert office.stored.invitations[earlier.invitation.id].revoked_at == office.clock.now()
        assert view.user.role is Role.MEMBER

    async def test_usernames_count_on_until_one_is_free(self, office: Office) -> None:
        names = [(await made(office, email=f"sam@{each}.example.com")).user.username for each in "abc"]
        assert names == ["sam", "sam.2", "sam.3"]
        many = NewUser(name="Sam", kind=UserKind.SERVICE)
        found = {(await office.users.create(office.adam, many)).value.user.username for _ in range(120)}
        assert len(found) == 120

    async def test_a_refusal_leaves_nothing_behind(self, office: Office) -> None:
        taken = stored(office, office.max.user_id)
        before = office.world.snapshot()
        with pytest.raises(UsernameTaken):
            await made(office, username=taken.username.upper())
        with pytest.raises(AlreadyUser):
            await made(office, email=taken.email)
        with pytest.raises(Forbidden):
            await made(office, role=Role.OWNER)
        for fields in (
            {"kind": UserKind.SERVICE},
            {"kind": UserKind.SERVICE, "email": None, "password": TEMPORARY},
            {"email": None},
        ):
            with pytest.raises(Invalid):
                await made(office, **fields)
        assert office.world.tables == before

    async def test_only_owners_make_owners(self, office: Office) -> None:
        assert (await made(office, by=office.olga, role=Role.OWNER)).user.role is Role.OWNER

    async def test_asked_twice_with_a_key_it_makes_one(self, office: Office) -> None:
        given = NewUser(name="Bea", email=BEA)
        view, seq = await office.users.create(office.adam, given, once=a_key())
        with pytest.raises(AlreadyAnswered) as again:
            await office.users.create(office.adam, given, once=a_key())
        outcome = again.value.outcome
        assert (outcome.kind, outcome.id, outcome.version, again.value.seq) == ("user", view.user.id, 1, seq)
        assert len(office.stored.invitations) == 1


class TestFinding:
    async def test_members_see_colleagues_without_address_and_themselves_whole(self, office: Office) -> None:
        colleague, _ = await office.users.get(office.mia, office.max.user_id)
        assert (colleague.name, colleague.email, colleague.last_login_at) == ("Max", None, None)
        myself, _ = await office.users.get(office.mia, office.mia.user_id)
        assert myself.email is not None
        whole, _ = await office.users.get(office.adam, office.max.user_id)
        assert whole.email is not None
        for missing in (office.nora.user_id, an_id()):
            with pytest.raises(UserNotFound):
                await office.users.get(office.mia, missing)

    async def test_the_role_of_now_counts_for_lists(self, office: Office) -> None:
        await office.world.change_role(office.mia, Role.ADMIN)
        asked = {"where": UserFilter(), "sort": Sort(field="name"), "page": PageRequest()}
        page, seq = await office.users.list(office.mia, **asked)
        assert [view.name for view in page.items] == ["Adam", "Max", "Mia", "Nora", "Owner of Acme"]
        assert seq == office.head
        await office.world.change_role(office.adam, Role.MEMBER)
        with pytest.raises(Forbidden):
            await office.users.list(office.adam, **asked)


class TestChanging:
    async def test_everybody_changes_their_own_name_and_is_told(self, office: Office) -> None:
        head = office.head
        view, seq = await office.users.change(office.mia, office.mia.user_id, changing(name="Mia Moon"), expected=1)
        assert (view.name, view.version) == ("Mia Moon", 2)
        (fact,) = office.facts(after=head)
        assert (fact.event, fact.seq, fact.audience) == (
            "user_updated", seq, Audience(named=(office.mia.user_id,)),
        )  # fmt: skip
        assert fact.body["changes"] == {"name": {"old": "Mia", "new": "Mia Moon"}}
        assert fact.body["version"] == 2

    async def test_nothing_different_is_no_version_and_no_fact(self, office: Office) -> None:
        before = office.world.snapshot()
        view, seq = await office.users.change(office.adam, office.mia.user_id, changing(name="Mia", role=Role.MEMBER))
        assert (view.version, seq) == (1, office.head)
        assert office.world.tables == before

    async def test_a_role_that_admins_give_holds(self, office: Office) -> None:
        await office.users.change(office.adam, office.mia.user_id, changing(role=Role.ADMIN))
        assert stored(office, office.mia.user_id).role is Role.ADMIN
        await made(office, by=office.mia)

    async def test_an_owner_may_go_once_there_is_another(self, office: Office) -> None:
        await office.users.change(office.olga, office.adam.user_id, changing(role=Role.OWNER))
        await office.users.change(office.olga, office.olga.user_id, changing(role=Role.MEMBER))
        assert stored(office, office.olga.user_id).role is Role.MEMBER
        with pytest.raises(LastOwner):
            await office.users.change(office.adam, office.adam.user_id, changing(is_active=False))

    async def test_another_address_is_the_accounts_too_and_its_link_is_taken_back(self, office: Office) -> None:
        await office.invitations.send(office.adam, email="cleo@example.com", role=Role.MEMBER)
        head = office.head
        await office.users.change(office.adam, office.mia.user_id, changing(email="CLEO@example.com"))
        found = account(office, "cleo@example.com")
        assert (found.id, found.email_verified_at, found.version) == (office.mia.account_id, None, 2)
        assert stored(office, office.mia.user_id).email == "cleo@example.com"
        (invitation,) = office.stored.invitations.values()
        assert invitation.revoked_at == office.clock.now()
        assert events(office, after=head) == ["invitation_revoked", "user_updated"]

    async def test_an_invitation_to_own_the_company_is_not_ended_by_giving_away_its_address(
        self, office: Office
    ) -> None:
        await office.invitations.send(office.olga, email="cleo@example.com", role=Role.OWNER)
        before = office.world.snapshot()
        with pytest.raises(Forbidden):
            await office.users.change(office.adam, office.mia.user_id, changing(email="cleo@example.com"))
        with pytest.raises(Forbidden):
            await made(office, email="cleo@example.com")
        with pytest.raises(Forbidden):
            await office.invitations.send(office.adam, email="cleo@example.com", role=Role.MEMBER)
        assert office.world.tables == before

    async def test_nobody_becomes_an_owner_with_a_password_that_somebody_else_chose(self, office: Office) -> None:
        await office.users.change(office.adam, office.mia.user_id, changing(), password=TEMPORARY)
        before = office.world.snapshot()
        with pytest.raises(NotJoined):
            await office.users.change(office.olga, office.mia.user_id, changing(role=Role.OWNER))
        assert office.world.tables == before
        await office.users.change(office.olga, office.mia.user_id, changing(role=Role.ADMIN))

    @pytest.mark.parametrize("is_known", [True, False])
    async def test_a_password_for_who_is_invited_tells_nothing_of_their_account(
        self, office: Office, *, is_known: bool
    ) -> None:
        if is_known:
            await office.register(BEA)
        view = await made(office)
        before = account(office)
        changed, _ = await office.users.change(office.adam, view.user.id, changing(), password=TEMPORARY)
        assert changed == view.user
        assert (account(office) == before) is is_known
        assert account(office).password_is_temporary is not is_known

    async def test_a_password_must_not_hold_the_name_that_stays(self, office: Office) -> None:
        await office.users.change(office.mia, office.mia.user_id, changing(name="Wolfgang Amadeus"))
        with pytest.raises(PasswordTooWeak):
            await office.users.change(office.adam, office.mia.user_id, changing(), password="Wolfgang-Amadeus-1")

    async def test_whoever_lost_the_role_while_they_waited_decides_nothing(self, office: Office) -> None:
        async with office.world.people_unit_of_work(office.adam) as uow:
            await office.world.change_role(office.adam, Role.MEMBER)
            assert await uow.users.lock_ownership(office.adam.user_id) is Role.MEMBER
        before = office.world.snapshot()
        with pytest.raises(Forbidden):
            await office.users.deactivate(office.adam, office.max.user_id)
        assert office.world.tables == before

    async def test_an_address_that_is_taken_leaves_everything_as_it_was(self, office: Office) -> None:
        await office.register("cleo@example.com")
        before = office.world.snapshot()
        with pytest.raises(EmailTaken):
            await office.users.change(office.adam, office.mia.user_id, changing(email="cleo@example.com", name="New"))
        assert office.world.tables == before

    async def test_a_password_is_temporary_and_signs_all_devices_out_without_a_fact(self, office: Office) -> None:
        head, email = office.head, stored(office, office.mia.user_id).email
        view, _ = await office.users.change(office.adam, office.mia.user_id, changing(), password=TEMPORARY)
        found = account(office, email or "")
        assert (found.password_hash, found.password_is_temporary) == (f"turned:{TEMPORARY[::-1]}", True)
        assert [signed_out(office, each) for each in (office.mia, office.max)] == [True, False]
        assert (view.version, events(office, after=head)) == (1, [])

    async def test_what_an_admin_changes_of_an_account_is_told_to_auditors_and_to_its_holder(
        self, office: Office
    ) -> None:
        email = stored(office, office.mia.user_id).email or ""
        await office.users.change(office.adam, office.mia.user_id, changing(email=BEA), password=TEMPORARY)
        told = [each for each in office.world.tables.notes if each.note.type in (RESET, ADDRESS)]
        assert [(each.actor_id, each.note) for each in told] == [
            (office.adam.user_id, Note(type=RESET, details={"user_id": office.mia.user_id})),
            (
                office.adam.user_id,
                Note(type=ADDRESS, details={"user_id": office.mia.user_id}, personal={"old": email, "new": BEA}),
            ),
        ]
        subjects = [each.subject.removesuffix(" (FlowTrack)") for each in await office.mailed(email)]
        assert subjects == ["Your password was changed", "Your e-mail address was changed"]
        assert await office.mailed(BEA) == []

    @pytest.mark.parametrize("way_in", [{"password": TEMPORARY}, {"email": BEA}])
    async def test_a_stolen_session_gives_itself_no_way_in(self, office: Office, way_in: dict[str, str]) -> None:
        office.clock.advance(timedelta(minutes=10))
        before, effort = office.world.snapshot(), office.passwords.effort
        fields = {name: value for name, value in way_in.items() if name != "password"}
        with pytest.raises(StepUpRequired):
            await office.users.change(
                office.adam, office.mia.user_id, changing(**fields), password=way_in.get("password")
            )
        assert (office.world.tables, office.passwords.effort) == (before, effort)
        # What opens nothing needs no proof.
        await office.users.change(office.adam, office.mia.user_id, changing(name="New"))

    async def test_the_way_into_an_account_of_several_companies_is_its_holders(self, office: Office) -> None:
        other = await office.world.company("Other")
        there = await office.world.joins(office.mia, other.company_id)
        for state in ("active", "inactive", "waiting"):
            if state == "inactive":
                await office.world.deactivate(there)
            elif state == "waiting":
                await office.world.take_acceptance_back(there)
            before = office.world.snapshot()
            with pytest.raises(AccountShared):
                await office.users.change(office.olga, office.mia.user_id, changing(), password=TEMPORARY)
            with pytest.raises(AccountShared):
                await office.users.change(office.olga, office.mia.user_id, changing(email=BEA))
            assert office.world.tables == before
        await office.users.change(office.olga, office.mia.user_id, changing(name="New"))

    async def test_a_service_has_neither_address_nor_password(self, office: Office) -> None:
        robot = (await made(office, kind=UserKind.SERVICE, email=None)).user
        for fields, password, pointer in (({"email": BEA}, None, "/email"), ({}, TEMPORARY, "/password")):
            with pytest.raises(Invalid) as refused:
                await office.users.change(office.adam, robot.id, changing(**fields), password=password)
            assert [fault.pointer for fault in refused.value.faults] == [pointer]

    async def test_a_member_out_of_sight_is_as_good_as_none(self, office: Office) -> None:
        with pytest.raises(UserNotFound):
            await office.users.change(office.mia, office.nora.user_id, changing(name="New"))
        with pytest.raises(Forbidden):
            await office.users.change(office.mia, office.max.user_id, changing(name="New"))


class TestMakingAdmins:
    """What keeps a thief in who has somebody's open session needs a proof that a session is none of."""

    async def test_it_needs_a_fresh_proof_however_it_is_done(self, office: Office) -> None:
        gone = await office.world.person(office.olga.company_id, name="Gus", role=Role.ADMIN)
        await office.users.deactivate(office.adam, gone.user_id)
        office.clock.advance(timedelta(minutes=10))
        before = office.world.snapshot()
        for by, role in ((office.adam, Role.ADMIN), (office.olga, Role.OWNER)):
            with pytest.raises(StepUpRequired):
                await made(office, by=by, role=role)
            with pytest.raises(StepUpRequired):
                await made(office, by=by, role=role, kind=UserKind.SERVICE, email=None)
            with pytest.raises(StepUpRequired):
                await office.invitations.send(by, email=BEA, role=role)
            with pytest.raises(StepUpRequired):
                await office.users.change(by, office.mia.user_id, changing(role=role))
        with pytest.raises(StepUpRequired):
            await office.users.change(office.adam, gone.user_id, changing(is_active=True))
        assert office.world.tables == before

    async def test_members_come_and_admins_go_without_one(self, office: Office) -> None:
        gone = await office.world.person(office.olga.company_id, name="Gus", role=Role.ADMIN)
        office.clock.advance(timedelta(minutes=10))
        await made(office)
        await office.invitations.send(office.adam, email="cleo@example.com", role=Role.MEMBER)
        await office.users.change(office.adam, gone.user_id, changing(role=Role.MEMBER))
        await office.users.change(office.adam, gone.user_id, changing(is_active=False))
        await office.users.change(office.adam, gone.user_id, changing(is_active=True))

    async def test_no_api_token_does_it(self, office: Office) -> None:
        gone = await office.world.person(office.olga.company_id, name="Gus", role=Role.ADMIN)
        await office.users.deactivate(office.adam, gone.user_id)
        token = await office.by_token(scopes=(Scope.USERS_WRITE,))
        with pytest.raises(NotByToken):
            await made(office, by=token, role=Role.ADMIN)
        with pytest.raises(NotByToken):
            await office.invitations.send(token, email=BEA, role=Role.ADMIN)
        for user_id, fields in ((office.mia.user_id, {"role": Role.ADMIN}), (gone.user_id, {"is_active": True})):
            with pytest.raises(NotByToken):
                await office.users.change(token, user_id, changing(**fields))


class TestDeactivating:
    async def test_access_and_devices_end_and_everybody_concerned_hears_of_it(self, office: Office) -> None:
        head = office.head
        task = await office.task(assigned_to=office.mia.user_id)
        seq = await office.users.deactivate(office.adam, office.mia.user_id, expected=1)
        fact = office.facts(after=head)[-1]
        assert (fact.event, fact.seq, fact.audience) == (
            "user_deactivated", seq, Audience(named=(office.mia.user_id,)),
        )  # fmt: skip
        user = stored(office, office.mia.user_id)
        assert (user.is_active, user.version) == (False, 2)
        assert [signed_out(office, each) for each in (office.mia, office.max)] == [True, False]
        assert office.stored_task(task.id).assigned_to == office.mia.user_id

    async def test_devices_that_have_another_company_go_on_there(self, office: Office) -> None:
        other = await office.world.company("Other")
        await office.world.joins(office.mia, other.company_id)
        sessions = office.world.tables.sessions
        here = replace(sessions[office.mia.session_id], current_company_id=office.olga.company_id)
        sessions[here.id] = here
        await office.users.deactivate(office.adam, office.mia.user_id)
        assert sessions is not office.world.tables.sessions
        assert office.world.tables.sessions[here.id] == replace(here, current_company_id=None)

    @pytest.mark.parametrize("how", ["deactivate", "change"])
    async def test_a_link_that_waits_is_taken_back(self, office: Office, how: str) -> None:
        user = (await made(office)).user
        head = office.head
        if how == "deactivate":
            await office.users.deactivate(office.adam, user.id)
        else:
            await office.users.change(office.adam, user.id, changing(is_active=False))
        assert events(office, after=head) == ["user_deactivated", "invitation_revoked"]
        (invitation,) = office.stored.invitations.values()
        assert invitation.revoked_at == office.clock.now()

    async def test_asked_twice_it_happens_once(self, office: Office) -> None:
        first = await office.users.deactivate(office.adam, office.mia.user_id)
        assert await office.users.deactivate(office.adam, office.mia.user_id) == first
        assert stored(office, office.mia.user_id).version == 2

    async def test_whoever_was_deactivated_can_be_active_again(self, office: Office) -> None:
        await office.users.deactivate(office.adam, office.mia.user_id)
        head = office.head
        view, _ = await office.users.change(office.adam, office.mia.user_id, changing(is_active=True))
        assert (view.is_active, view.version, events(office, after=head)) == (True, 3, ["user_activated"])
        assert signed_out(office, office.mia), "an old device stays signed out"


class TestLeaving:
    async def test_ones_own_membership_ends_and_the_admins_hear_of_it(self, office: Office) -> None:
        head = office.head
        seq = await office.users.leave(office.mia)
        (fact,) = office.facts(after=head)
        assert (fact.event, fact.seq, fact.actor_id, fact.audience.admins) == (
            "user_left", seq, office.mia.user_id, True,
        )  # fmt: skip
        user = stored(office, office.mia.user_id)
        assert (user.is_active, user.version) == (False, 2)
        assert [signed_out(office, each) for each in (office.mia, office.max)] == [True, False]

    async def test_nobody_is_brought_back_who_does_not_wish_it(self, office: Office) -> None:
        await office.users.leave(office.mia)
        await office.users.change(office.adam, office.mia.user_id, changing(is_active=True))
        assert stored(office, office.mia.user_id).accepted_at is None
        email = stored(office, office.mia.user_id).email or ""
        view, _ = await office.invitations.send(office.adam, email=email, role=Role.MEMBER)
        given = Acceptance(token=view.token or "", password=PASSWORD)
        office.change_account(email, password_hash=f"turned:{PASSWORD[::-1]}")
        back = await office.acceptance.accept(Visitor(), given, actor=None)
        assert (back.user.id, back.company.id) == (office.mia.user_id, office.olga.company_id)

    async def test_an_owner_who_cannot_act_is_not_another_one(self, office: Office) -> None:
        await made(office, by=office.olga, role=Role.OWNER)
        await made(office, by=office.olga, role=Role.OWNER, kind=UserKind.SERVICE, email=None)
        before = office.world.snapshot()
        with pytest.raises(LastOwner):
            await office.users.leave(office.olga)
        assert office.world.tables == before


class TestInviting:
    async def test_an_address_is_invited_for_one_use_and_admins_hear_of_it(self, office: Office) -> None:
        head = office.head
        view, seq = await office.invitations.send(office.adam, email="BEA@example.com", role=Role.ADMIN)
        shown = view.invitation
        assert (shown.email, shown.role, shown.status) == (BEA, Role.ADMIN, InvitationStatus.PENDING)
        assert (shown.user_id, shown.invited_by) == (None, office.adam.user_id)
        (fact,) = office.facts(after=head)
        assert (fact.event, fact.seq, fact.audience) == ("invitation_created", seq, Audience())
        again, _ = await office.invitations.get(office.adam, shown.id)
        assert (again.invitation, again.token) == (shown, None)

    async def test_an_earlier_one_is_taken_back(self, office: Office) -> None:
        first, _ = await office.invitations.send(office.adam, email=BEA, role=Role.MEMBER)
        head = office.head
        await office.invitations.send(office.adam, email=BEA, role=Role.ADMIN)
        assert events(office, after=head) == ["invitation_revoked", "invitation_created"]
        assert office.stored.invitations[first.invitation.id].revoked_at is not None

    async def test_whoever_has_not_accepted_is_asked_again_in_the_given_role(self, office: Office) -> None:
        user = (await made(office)).user
        head = office.head
        view, _ = await office.invitations.send(office.adam, email=BEA, role=Role.ADMIN)
        assert view.invitation.user_id == user.id
        assert events(office, after=head) == ["user_updated", "invitation_revoked", "invitation_created"]
        assert (stored(office, user.id).role, stored(office, user.id).version) == (Role.ADMIN, 2)
        head = office.head
        await office.invitations.send(office.adam, email=BEA, role=Role.ADMIN)
        assert events(office, after=head) == ["invitation_revoked", "invitation_created"]

    async def test_an_admin_does_not_unmake_an_owner_who_has_not_accepted(self, office: Office) -> None:
        user = (await made(office, by=office.olga, role=Role.OWNER)).user
        before = office.world.snapshot()
        with pytest.raises(Forbidden):
            await office.invitations.send(office.adam, email=BEA, role=Role.MEMBER)
        assert office.world.tables == before
        await office.invitations.send(office.olga, email=BEA, role=Role.MEMBER)
        assert stored(office, user.id).role is Role.MEMBER

    async def test_whoever_was_deactivated_is_not_invited_but_made_active(self, office: Office) -> None:
        user = (await made(office)).user
        await office.users.deactivate(office.adam, user.id)
        with pytest.raises(AlreadyUser):
            await office.invitations.send(office.adam, email=BEA, role=Role.MEMBER)
        await office.users.change(office.adam, user.id, changing(is_active=True))
        await office.invitations.send(office.adam, email=BEA, role=Role.MEMBER)

    async def test_taking_one_back_is_heard_by_admins_alone(self, office: Office) -> None:
        view, _ = await office.invitations.send(office.adam, email=BEA, role=Role.MEMBER)
        head = office.head
        seq = await office.invitations.revoke(office.olga, view.invitation.id)
        (fact,) = office.facts(after=head)
        assert (fact.event, fact.seq, fact.audience) == ("invitation_revoked", seq, Audience())
        page, _ = await office.invitations.list(
            office.adam, status=(InvitationStatus.REVOKED,), sort=Sort(field="created_at"), page=PageRequest()
        )
        assert [each.id for each in page.items] == [view.invitation.id]
