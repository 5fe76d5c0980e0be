"""The contracts of OidcUnitOfWork, OidcReader and LinkingUnitOfWork: connections, domains, and who somebody is at a
provider.

The subclass provides the fixture `world`; see `tests.contracts.world`. Of it these contracts use `company`, `person`, the
units of work that they are of and that of people, the readers of connections, events and login sessions, clock and ids.
"""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from core.auth.errors import SessionEnded
from core.auth.model import IDLE, LoginSession
from core.kernel.actor import Actor, Origin, Role
from core.kernel.audit import AuditType, Note
from core.kernel.errors import Conflict
from core.kernel.paging import PageRequest
from core.oidc.errors import EmailDomainNamed, LoginStateInvalid
from core.oidc.model import (
    CODE_LIFE,
    ConnectionChanges,
    ConnectionFields,
    EmailDomain,
    Entrance,
    ExternalIdentity,
    OidcConnection,
)
from core.users.model import Invitation, User
from tests.contracts.identity import NEWEST_USE
from tests.contracts.world import ContractWorld

HERE = Origin(address="192.0.2.1", agent="Firefox", request_id="r1")


class OidcContract:
    """Of connections and domains, within a company."""

    async def test_a_connection_is_found_as_it_was_added_saved_and_no_more_once_removed(
        self, world: ContractWorld
    ) -> None:
        olga = await world.company()
        connection = _connection(world)
        async with world.oidc_unit_of_work(olga) as uow:
            uow.connections.add(connection)
            await uow.commit()
        assert await _all(world, olga) == [connection]
        changes = ConnectionChanges(given={"name": "New", "client_secret": b"", "role_map": {"x": Role.MEMBER}})
        async with world.oidc_unit_of_work(olga) as uow:
            (found,) = await uow.connections.all()
            assert found.change(changes, by=Role.ADMIN, at=world.clock.now()) is not None
            uow.connections.save(found)
            await uow.commit()
        assert await _all(world, olga) == [found] and found.version == 2
        (view,) = (await world.oidc_reader.connections(olga)).value
        assert (view.name, view.has_client_secret, view.role_map) == ("New", False, found.chosen.role_map)
        async with world.oidc_unit_of_work(olga) as uow:
            uow.connections.remove(found)
            await uow.commit()
        assert await _all(world, olga) == []

    async def test_a_connection_that_somebody_else_changed_is_not_saved(self, world: ContractWorld) -> None:
        olga = await world.company()
        connection = await _added(world, olga)
        stale = replace(connection, version=3)
        with pytest.raises(Conflict):
            async with world.oidc_unit_of_work(olga) as uow:
                uow.connections.save(stale)
                await uow.commit()

    async def test_each_company_has_its_own(self, world: ContractWorld) -> None:
        olga, other = await world.company("Here"), await world.company("There")
        await _added(world, olga)
        assert await _all(world, other) == []
        assert (await world.oidc_reader.connections(other)).value == []
        assert (await world.oidc_reader.domains(other)).value == []

    async def test_an_owner_is_one_who_can_act(self, world: ContractWorld) -> None:
        olga = await world.company()
        adam = await world.person(olga.company_id, role=Role.ADMIN)
        second = await world.person(olga.company_id, role=Role.OWNER)
        async with world.oidc_unit_of_work(olga) as uow:
            found = [await uow.connections.is_owner(each.user_id) for each in (olga, adam, second)]
        assert found == [True, False, True]
        await world.deactivate(second)
        async with world.oidc_unit_of_work(olga) as uow:
            assert not await uow.connections.is_owner(second.user_id)

    async def test_the_entrance_decides_which_sessions_open_the_company(self, world: ContractWorld) -> None:
        olga = await world.company()
        mia, second = await world.person(olga.company_id), await world.person(olga.company_id, role=Role.OWNER)
        await self._enter(world, olga, Entrance(sso_enforced=True, break_glass_user_id=olga.user_id))
        async with world.identity_unit_of_work() as uow:
            assert (await uow.caller(olga)).user_id == olga.user_id
            for shut_out in (mia, second):
                with pytest.raises(SessionEnded):
                    await uow.caller(shut_out)
            (membership,) = await uow.memberships(olga.account_id)
        assert (membership.sso_enforced, membership.breaks_glass) == (True, True)
        # From one owner to the other, and back to everybody.
        await self._enter(world, olga, Entrance(sso_enforced=True, break_glass_user_id=second.user_id))
        async with world.identity_unit_of_work() as uow:
            assert (await uow.caller(second)).user_id == second.user_id
            with pytest.raises(SessionEnded):
                await uow.caller(olga)
        await self._enter(world, second, Entrance(sso_enforced=False, break_glass_user_id=None))
        async with world.identity_unit_of_work() as uow:
            assert (await uow.caller(mia)).user_id == mia.user_id

    async def _enter(self, world: ContractWorld, actor: Actor, entrance: Entrance) -> None:
        async with world.oidc_unit_of_work(actor) as uow:
            await uow.connections.all()
            uow.connections.set_entrance(entrance)
            await uow.commit()

    async def test_a_domain_is_named_once_in_a_company(self, world: ContractWorld) -> None:
        olga, other = await world.company("Here"), await world.company("There")
        domain = _domain(world)
        for actor in (olga, other):
            async with world.oidc_unit_of_work(actor) as uow:
                uow.domains.add(replace(domain, id=world.ids.new()))
                await uow.commit()
        with pytest.raises(EmailDomainNamed):
            async with world.oidc_unit_of_work(olga) as uow:
                uow.domains.add(replace(domain, id=world.ids.new()))
                await uow.commit()
        async with world.oidc_unit_of_work(olga) as uow:
            assert await uow.domains.count() == 1

    async def test_a_domain_is_found_as_it_was_saved_and_no_more_once_removed(self, world: ContractWorld) -> None:
        olga, domain = await world.company(), _domain(world)
        async with world.oidc_unit_of_work(olga) as uow:
            uow.domains.add(domain)
            await uow.commit()
        domain.verify(at=world.clock.now())
        async with world.oidc_unit_of_work(olga) as uow:
            uow.domains.save(domain)
            await uow.commit()
        async with world.oidc_unit_of_work(olga) as uow:
            assert await uow.domains.load(domain.id) == domain
            assert await uow.domains.load(world.ids.new()) is None
            uow.domains.remove(domain)
            await uow.commit()
        assert (await world.oidc_reader.domains(olga)).value == []


class LinkingContract:
    """Of signing in, across companies."""

    async def test_a_connection_is_found_from_outside_with_the_domains_that_are_proved(
        self, world: ContractWorld
    ) -> None:
        olga = await world.company()
        connection, proved, named = await _added(world, olga), _domain(world), _domain(world)
        async with world.oidc_unit_of_work(olga) as uow:
            uow.domains.add(named)
            await uow.commit()
        async with world.linking_unit_of_work() as uow:
            await uow.prove_domain(olga.company_id, proved, at=world.clock.now())
            await uow.commit()
        async with world.linking_unit_of_work() as uow:
            found = await uow.connection(connection.id)
            assert found is not None
            assert (found.company_id, found.connection) == (olga.company_id, connection)
            assert found.proved_domains == {proved.domain}
            assert await uow.connection(world.ids.new()) is None

    async def test_proving_a_domain_twice_is_proving_it_once_also_where_it_was_named(
        self, world: ContractWorld
    ) -> None:
        olga, named = await world.company(), _domain(world)
        async with world.oidc_unit_of_work(olga) as uow:
            uow.domains.add(named)
            await uow.commit()
        before = (await world.oidc_reader.domains(olga)).seq
        for _ in range(2):
            async with world.linking_unit_of_work() as uow:
                again = replace(_domain(world), domain=named.domain)
                proved = await uow.prove_domain(olga.company_id, again, at=world.clock.now())
                await uow.commit()
            assert (proved.id, proved.version, proved.token) == (named.id, 2, named.token)
        assert (await world.oidc_reader.domains(olga)).seq == before + 1

    async def test_ways_in_are_by_proved_domains_that_connections_list(self, world: ContractWorld) -> None:
        here, there, neither = [await world.company(name) for name in ("Here", "There", "Neither")]
        domain = _domain(world)
        for actor in (there, here):
            await _added(world, actor, email_domains=(domain.domain,))
            async with world.linking_unit_of_work() as uow:
                await uow.prove_domain(actor.company_id, replace(domain, id=world.ids.new()), at=world.clock.now())
                await uow.commit()
        await _added(world, neither, email_domains=(domain.domain,))
        async with world.linking_unit_of_work() as uow:
            assert [each.company for each in await uow.ways_in(domain.domain)] == ["Here", "There"]
            assert await uow.ways_in("nowhere.example") == ()

    async def test_an_identity_is_one_account(self, world: ContractWorld) -> None:
        ann, issuer = await world.company(), f"https://{world.ids.new()}.example"
        identity = ExternalIdentity(
            issuer=issuer, subject="ann", account_id=ann.account_id, created_at=world.clock.now()
        )
        async with world.linking_unit_of_work() as uow:
            assert await uow.account_of(issuer, "ann") is None
            await uow.link(identity)
            assert await uow.account_of(issuer, "ann") == ann.account_id
            await uow.commit()
        bob = await world.company()
        with pytest.raises(Conflict):
            async with world.linking_unit_of_work() as uow:
                await uow.link(replace(identity, account_id=bob.account_id))
                await uow.commit()
        async with world.linking_unit_of_work() as uow:
            assert await uow.account_of(issuer, "ann") == ann.account_id
            assert await uow.account_of(issuer, "Ann") is None

    async def test_stripping_an_account_leaves_no_provider_that_knows_it(self, world: ContractWorld) -> None:
        ann, bob = await world.company(), await world.company()
        of_ann, of_bob = [
            ExternalIdentity(
                issuer="https://login.example.com",
                subject=str(world.ids.new()),
                account_id=each.signed_in.account_id,
                created_at=world.clock.now(),
            )
            for each in (ann, bob)
        ]
        async with world.linking_unit_of_work() as uow:
            await uow.link(of_ann)
            await uow.link(of_bob)
            await uow.commit()
        async with world.identity_unit_of_work() as uow:
            await uow.strip(ann.signed_in.account_id, at=world.clock.now())
            await uow.commit()
        async with world.linking_unit_of_work() as uow:
            found = [await uow.account_of(each.issuer, each.subject) for each in (of_ann, of_bob)]
        assert found == [None, bob.account_id]

    async def test_a_user_is_found_whether_active_or_not(self, world: ContractWorld) -> None:
        olga, other = await world.company("Here"), await world.company("There")
        mia = await world.person(olga.company_id)
        await world.deactivate(mia)
        async with world.linking_unit_of_work() as uow:
            found = await uow.user_of(mia.account_id, olga.company_id)
            assert found is not None and (found.id, found.is_active) == (mia.user_id, False)
            assert await uow.user_of(mia.account_id, other.company_id) is None

    async def test_whoever_is_admitted_is_a_user_and_the_log_and_auditors_hear_of_it(
        self, world: ContractWorld
    ) -> None:
        olga, other = await world.company("Here"), await world.company("There")
        invitation = await self._invited(world, olga)
        at = world.clock.now()
        async with world.linking_unit_of_work() as uow:
            offer = await uow.offer_to(invitation.email, olga.company_id)
            assert offer is not None and offer.invitation == invitation and offer.inviter is Role.OWNER
            assert await uow.offer_to(invitation.email, other.company_id) is None
            user, created = User.join(
                id=world.ids.new(),
                account_id=other.account_id,
                name="Ann",
                email=invitation.email,
                username=f"u{world.ids.new()}",
                role=Role.ADMIN,
                at=at,
            )
            accepted = offer.invitation.accept(user_id=user.id, at=at)
            await uow.admit(
                olga.company_id,
                user,
                [created, accepted],
                invitation=offer.invitation,
                is_new=True,
                origin=HERE,
                at=at,
            )
            assert await uow.offer_to(invitation.email, olga.company_id) is None
            await uow.commit()
        async with world.linking_unit_of_work() as uow:
            assert await uow.user_of(other.account_id, olga.company_id) == user
            user.accept(name="Anna", username=None, at=at)
            await uow.admit(olga.company_id, user, [], invitation=None, is_new=False, origin=HERE, at=at)
            await uow.commit()
        async with world.linking_unit_of_work() as uow:
            assert await uow.user_of(other.account_id, olga.company_id) == user

    async def _invited(self, world: ContractWorld, by: Actor) -> Invitation:
        invitation, created = Invitation.send(
            id=world.ids.new(),
            email=f"{world.ids.new()}@example.com",
            role=Role.ADMIN,
            user_id=None,
            token_digest=str(world.ids.new()).encode(),
            invited_by=by.user_id,
            at=world.clock.now(),
        )
        async with world.people_unit_of_work(by) as uow:
            uow.invitations.add(invitation)
            uow.record(created)
            await uow.commit()
        return invitation

    async def test_a_session_waits_for_its_code_from_the_browser_with_its_state(self, world: ContractWorld) -> None:
        ann = await world.company()
        session, code, state = await self._waiting(world, ann)
        at = world.clock.now()
        async with world.linking_unit_of_work() as uow:
            assert await uow.unredeemed(code, state_digest=state, at=at) == session
            for wrong in ((code, b"another"), (b"another", state)):
                assert await uow.unredeemed(wrong[0], state_digest=wrong[1], at=at) is None
            assert await uow.unredeemed(code, state_digest=state, at=at + CODE_LIFE) is None
            page = PageRequest(limit=10)
            listed = (await world.session_reader.open_sessions(ann, sort=NEWEST_USE, page=page)).value
            assert session.id not in [each.id for each in listed.items]
            assert not await uow.redeem(session, code_digest=b"another")
            opened = replace(session, expires_at=at + IDLE, sso_company_ids=(ann.company_id,), general_at=at)
            assert await uow.redeem(opened, code_digest=code)
            assert not await uow.redeem(opened, code_digest=code)
            assert await uow.unredeemed(code, state_digest=state, at=at) is None
            await uow.commit()
        async with world.linking_unit_of_work() as uow:
            found = await uow.glance(session.id)
            assert found == opened
        listed = (await world.session_reader.open_sessions(ann, sort=NEWEST_USE, page=page)).value
        assert session.id in [each.id for each in listed.items]

    async def test_a_state_is_good_once(self, world: ContractWorld) -> None:
        ann = await world.company()
        session, _, state = await self._waiting(world, ann)
        with pytest.raises(LoginStateInvalid):
            async with world.linking_unit_of_work() as uow:
                await uow.add_unredeemed(
                    replace(session, id=world.ids.new()),
                    code_digest=str(world.ids.new()).encode(),
                    state_digest=state,
                    until=world.clock.now() + CODE_LIFE,
                )
                await uow.commit()

    async def test_a_session_that_was_ended_does_not_open_by_its_code(self, world: ContractWorld) -> None:
        ann = await world.company()
        session, code, state = await self._waiting(world, ann)
        async with world.linking_unit_of_work() as uow:
            await uow.strip(ann.account_id, at=world.clock.now())
            assert await uow.unredeemed(code, state_digest=state, at=world.clock.now()) is None
            assert not await uow.redeem(session, code_digest=code)

    async def _waiting(self, world: ContractWorld, ann: Actor) -> tuple[LoginSession, bytes, bytes]:
        code, state = [str(world.ids.new()).encode() for _ in range(2)]
        session = LoginSession.begin(
            id=world.ids.new(),
            account_id=ann.account_id,
            nonce=b"n" * 32,
            agent=None,
            address=None,
            at=world.clock.now(),
            by_provider_of=ann.company_id,
        )
        async with world.linking_unit_of_work() as uow:
            until = world.clock.now() + CODE_LIFE
            await uow.add_unredeemed(session, code_digest=code, state_digest=state, until=until)
            await uow.commit()
        return session, code, state

    async def test_sessions_are_ended_as_far_as_one_reaches(self, world: ContractWorld) -> None:
        ann, other = await world.company("Here"), await world.company("There")
        begun = [await self._opened(world, ann, each) for each in (None, ann.company_id, other.company_id)]
        async with world.linking_unit_of_work() as uow:
            await uow.revoke_sessions(ann.account_id, at=world.clock.now(), reach=(ann.company_id,))
            await uow.commit()
        async with world.linking_unit_of_work() as uow:
            found = [await uow.glance(each) for each in begun]
        assert [each is not None and each.revoked_at is not None for each in found] == [False, True, False]

    async def _opened(self, world: ContractWorld, ann: Actor, by_provider_of: UUID | None) -> UUID:
        session = LoginSession.begin(
            id=world.ids.new(),
            account_id=ann.account_id,
            nonce=b"n" * 32,
            agent=None,
            address=None,
            at=world.clock.now(),
            by_provider_of=by_provider_of,
        )
        async with world.linking_unit_of_work() as uow:
            await uow.add_session(session)
            await uow.commit()
        return session.id

    async def test_a_company_is_found_by_its_code(self, world: ContractWorld) -> None:
        olga = await world.company(f"Firm {world.ids.new()}")
        async with world.linking_unit_of_work() as uow:
            membership = await uow.membership(olga.account_id, olga.company_id)
            assert membership is not None
            assert await uow.company_of_code(membership[1].code) == olga.company_id
            assert await uow.company_of_code("no such code") is None

    async def test_what_happens_to_nobody_can_be_told(self, world: ContractWorld) -> None:
        olga = await world.company()
        note = Note(type=AuditType.OIDC_REFUSED, details={"reason": "token"})
        once = f"once {world.ids.new()}"
        async with world.linking_unit_of_work() as uow:
            for company_id in (olga.company_id, olga.company_id, None, None):
                await uow.note_of_nobody(
                    note, company_id=company_id, origin=HERE, at=world.clock.now(), coalesced_by=once
                )
            await uow.commit()


def _connection(world: ContractWorld, **fields: Any) -> OidcConnection:
    chosen = ConnectionFields(
        **{
            "name": "Own",
            "issuer": "https://login.example.com",
            "client_id": "flowtrack",
            "client_secret": b"sealed",
            "email_domains": ("a.example", "b.example"),
            "default_role": Role.ADMIN,
            "role_claim": "groups",
            "role_map": {"it": Role.ADMIN, "staff": Role.MEMBER},
            "jit_provisioning": True,
            **fields,
        }
    )
    at = world.clock.now()
    return OidcConnection.connect(id=world.ids.new(), chosen=chosen, by=Role.OWNER, at=at)[0]


async def _added(world: ContractWorld, actor: Actor, **fields: Any) -> OidcConnection:
    connection = _connection(world, **fields)
    async with world.oidc_unit_of_work(actor) as uow:
        uow.connections.add(connection)
        await uow.commit()
    return connection


async def _all(world: ContractWorld, actor: Actor) -> list[OidcConnection]:
    async with world.oidc_unit_of_work(actor) as uow:
        return await uow.connections.all()


def _domain(world: ContractWorld) -> EmailDomain:
    domain = f"d{world.ids.new().hex[-12:]}.example"
    return EmailDomain.claim(id=world.ids.new(), domain=domain, token="token", at=world.clock.now())[0]
