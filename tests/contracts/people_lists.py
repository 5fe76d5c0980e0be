"""The contract of UserReader: lists of users and invitations, and one user.

The subclass provides the fixture `world`; see `tests.contracts.world`.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from core.kernel.actor import ActorChanged, Actor, Role
from core.kernel.paging import PageRequest, Sort
from core.users.model import InvitationStatus, UserStatus
from core.users.ports import UserFilter
from core.users.read_models import InvitationView, UserView
from tests.contracts.people import add_user, an_address, invite, loaded_user, open_account
from tests.contracts.steps import open_project
from tests.contracts.world import ContractWorld

BY_NAME = Sort(field="name")
DIRECTIONS = [pytest.param(False, id="up"), pytest.param(True, id="down")]


def in_order(views: list[Any], sort: Sort) -> list[Any]:
    """By the value, nulls last, then by the id, in one direction."""
    valued = [view for view in views if getattr(view, sort.field) is not None]
    nulls = [view for view in views if getattr(view, sort.field) is None]
    valued.sort(key=lambda view: (getattr(view, sort.field), view.id), reverse=sort.descending)
    return valued + sorted(nulls, key=lambda view: view.id, reverse=sort.descending)


async def noted(world: ContractWorld, company_id: UUID, user_id: UUID, at: datetime) -> None:
    async with world.identity_unit_of_work() as uow:
        await uow.note_login(user_id, company_id, at=at)
        await uow.commit()


class UserListContract:
    """Of the list of users."""

    async def test_a_user_is_shown_as_they_are(self, world: ContractWorld) -> None:
        owner = await world.company()
        account, at = await open_account(world, owner), world.clock.now()
        ann = await add_user(world, owner, account.id, name="Ann", email=account.email, role=Role.ADMIN)
        robot = await add_user(world, owner, None, name="Robot")
        await noted(world, owner.company_id, owner.user_id, at)
        shown = await self._listed(world, owner)
        assert [(view.name, view.status, view.last_login_at) for view in shown] == [
            ("Ann", UserStatus.INVITED, None),
            ("Owner of Acme", UserStatus.ACTIVE, at),
            ("Robot", UserStatus.ACTIVE, None),
        ]
        for view, user in ((shown[0], ann), (shown[2], robot)):
            assert view == UserView.of(user, last_login_at=None)

    @pytest.mark.parametrize("descending", DIRECTIONS)
    @pytest.mark.parametrize("field", ["name", "username", "created_at", "last_login_at"])
    async def test_pages_join_to_the_whole_list_nulls_last(
        self, world: ContractWorld, field: str, descending: bool
    ) -> None:
        owner, sort = await world.company(), Sort(field=field, descending=descending)
        at = world.clock.now()
        # Equal names, equal instants, and several who never signed in.
        for name, created, seen in (("b", 0, 1), ("a", 0, None), ("b", 1, 1), ("c", 2, 2), ("a", 0, None)):
            user = await add_user(world, owner, None, name=name, created_at=at + timedelta(minutes=created))
            if seen is not None:
                await noted(world, owner.company_id, user.id, at + timedelta(minutes=seen))
        whole = await self._listed(world, owner, sort=sort)
        assert len(whole) == 6
        assert whole == in_order(whole, sort)
        for limit in (1, 2, 4):
            joined, position = list[UserView](), None
            for _ in range(7):
                request = PageRequest(limit=limit, position=position, include_total=True)
                page, _ = await world.user_reader.page(owner, where=UserFilter(), sort=sort, page=request)
                assert page.total == 6
                joined += page.items
                position = page.next_position
                if position is None:
                    break
            assert joined == whole
        skipped, _ = await world.user_reader.page(
            owner, where=UserFilter(), sort=sort, page=PageRequest(limit=2, skip=3)
        )
        assert skipped.items == whole[3:5]

    async def test_a_search_finds_names_usernames_and_addresses_in_any_case(self, world: ContractWorld) -> None:
        owner = await world.company()
        account = await open_account(world, owner)
        zoe = await add_user(world, owner, account.id, name="Zoë Müller", email=account.email, username="Quilly_1")
        percent = await add_user(world, owner, None, name="100% robot", username="quilly-2")
        for search, found in (
            ("zoë", [zoe]),
            ("ZOË MÜ", [zoe]),
            ("zoe", []),
            ("quilly_1", [zoe]),
            ("QUILLY", [percent, zoe]),
            (account.email[3:20].upper(), [zoe]),
            ("%", [percent]),
            ("0% R", [percent]),
            ("_", [zoe]),
            ("\\", []),
            ("%quilly%", []),
        ):
            shown = await self._listed(world, owner, search=search)
            assert [view.id for view in shown] == [user.id for user in found], search
            page, _ = await world.user_reader.page(
                owner, where=UserFilter(search=search), sort=BY_NAME, page=PageRequest(limit=1, include_total=True)
            )
            assert page.total == len(found), search

    async def test_roles_and_activity_are_filtered_together_with_a_search(self, world: ContractWorld) -> None:
        owner = await world.company()
        for name, role, is_active in (
            ("Ann", Role.ADMIN, True),
            ("Bea", Role.ADMIN, False),
            ("Cem", Role.MEMBER, True),
            ("Dan", Role.MEMBER, False),
        ):
            await add_user(world, owner, None, name=name, role=role, is_active=is_active)
        for where, expected in (
            ({}, ["Ann", "Cem", "Owner of Acme"]),
            ({"is_active": False}, ["Bea", "Dan"]),
            ({"is_active": None}, ["Ann", "Bea", "Cem", "Dan", "Owner of Acme"]),
            ({"role": (Role.ADMIN,)}, ["Ann"]),
            ({"role": (Role.OWNER, Role.MEMBER)}, ["Cem", "Owner of Acme"]),
            ({"role": (Role.ADMIN,), "is_active": None}, ["Ann", "Bea"]),
            ({"role": (Role.ADMIN, Role.MEMBER), "is_active": None, "search": "n"}, ["Ann", "Dan"]),
        ):
            assert [view.name for view in await self._listed(world, owner, **where)] == expected, where

    async def test_a_page_goes_on_within_its_filter(self, world: ContractWorld) -> None:
        owner = await world.company()
        for name in ("q1", "y1", "q2", "y2", "q3"):
            await add_user(world, owner, None, name=name)
        where, position, seen = UserFilter(search="q"), None, list[str]()
        for _ in range(3):
            page, _ = await world.user_reader.page(
                owner, where=where, sort=BY_NAME, page=PageRequest(limit=1, position=position, include_total=True)
            )
            assert page.total == 3
            seen, position = seen + [view.name for view in page.items], page.next_position
        assert (seen, position) == (["q1", "q2", "q3"], None)

    async def test_nobody_of_another_company_is_listed_or_found(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        ann = await world.person(there.company_id)
        await world.joins(ann, here.company_id)
        assert ann.user_id not in [view.id for view in await self._listed(world, here, is_active=None)]
        assert (await world.user_reader.one(here, ann.user_id)).value is None

    async def test_one_is_shown_with_whether_they_share_a_project(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann, bob = [await world.person(owner.company_id) for _ in range(2)]
        at, project = world.clock.now(), await open_project(world, owner)
        async with world.identity_unit_of_work() as uow:
            for each in (owner, ann, bob):
                await uow.note_login(each.user_id, owner.company_id, at=at)
            await uow.commit()
        await world.add_to_project(project.id, ann)
        for by, user_id, shares in (
            (owner, ann.user_id, True),
            (ann, owner.user_id, True),
            (bob, ann.user_id, False),
            (bob, bob.user_id, False),
        ):
            found = (await world.user_reader.one(by, user_id)).value
            assert found is not None
            user = await loaded_user(world, owner, user_id)
            assert found == (UserView.of(user, last_login_at=at), shares)
        assert (await world.user_reader.one(owner, world.ids.new())).value is None

    async def test_no_question_of_an_outdated_role_is_answered(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id, role=Role.ADMIN)
        await world.change_role(ann, Role.MEMBER)
        with pytest.raises(ActorChanged):
            await world.user_reader.page(ann, where=UserFilter(), sort=BY_NAME, page=PageRequest())
        with pytest.raises(ActorChanged):
            await world.user_reader.one(ann, ann.user_id)
        with pytest.raises(ActorChanged):
            await self._invitations(world, ann)

    async def _listed(
        self, world: ContractWorld, actor: Actor, *, sort: Sort = BY_NAME, **where: Any
    ) -> list[UserView]:
        page, _ = await world.user_reader.page(actor, where=UserFilter(**where), sort=sort, page=PageRequest())
        return page.items

    async def _invitations(
        self,
        world: ContractWorld,
        actor: Actor,
        *,
        status: tuple[InvitationStatus, ...] = (),
        sort: Sort = Sort(field="created_at"),
        at: datetime | None = None,
        **page: Any,
    ) -> list[InvitationView]:
        found, _ = await world.user_reader.invitations(
            actor, status=status, at=at or world.clock.now(), sort=sort, page=PageRequest(**page)
        )
        return found.items


class InvitationListContract(UserListContract):
    """Of the list of invitations."""

    async def test_invitations_are_found_by_what_became_of_them(self, world: ContractWorld) -> None:
        owner, at = await world.company(), world.clock.now()
        later = at + timedelta(days=1)
        made = {
            InvitationStatus.PENDING: await invite(world, owner, expires_at=later + timedelta(microseconds=1)),
            InvitationStatus.EXPIRED: await invite(world, owner, expires_at=later),
            InvitationStatus.REVOKED: await invite(world, owner, expires_at=at, revoked_at=at),
            InvitationStatus.ACCEPTED: await invite(world, owner, expires_at=at, accepted_at=at, user_id=owner.user_id),
        }
        for status, invitation in made.items():
            (view,) = await self._invitations(world, owner, status=(status,), at=later)
            assert view == InvitationView.of(invitation, at=later)
            assert view.status is status
        both = (InvitationStatus.PENDING, InvitationStatus.ACCEPTED)
        assert {view.status for view in await self._invitations(world, owner, status=both, at=later)} == set(both)
        assert len(await self._invitations(world, owner, at=later)) == 4
        page, _ = await world.user_reader.invitations(
            owner, status=both, at=later, sort=Sort(field="email"), page=PageRequest(limit=1, include_total=True)
        )
        assert page.total == 2

    @pytest.mark.parametrize("descending", DIRECTIONS)
    @pytest.mark.parametrize("field", ["created_at", "expires_at", "email"])
    async def test_pages_of_invitations_join_to_the_whole_list(
        self, world: ContractWorld, field: str, descending: bool
    ) -> None:
        owner, at = await world.company(), world.clock.now()
        sort, email = Sort(field=field, descending=descending), an_address(world)
        # One address was invited three times: it is no tie-breaker.
        for minutes, revoked in ((0, True), (0, True), (1, False)):
            created = at + timedelta(minutes=minutes)
            await invite(
                world, owner, email=email, created_at=created, expires_at=at, revoked_at=at if revoked else None
            )
        for _ in range(2):
            await invite(world, owner, created_at=at, expires_at=at + timedelta(days=1))
        whole = await self._invitations(world, owner, sort=sort)
        assert len(whole) == 5
        assert whole == in_order(whole, sort)
        joined, position = list[InvitationView](), None
        for _ in range(3):
            page, _ = await world.user_reader.invitations(
                owner, status=(), at=at, sort=sort, page=PageRequest(limit=2, position=position, include_total=True)
            )
            assert page.total == 5
            joined, position = joined + page.items, page.next_position
        assert position is None
        assert [view.id for view in joined] == [view.id for view in whole]
        skipped = await self._invitations(world, owner, sort=sort, limit=2, skip=3)
        assert [view.id for view in skipped] == [view.id for view in whole[3:]]

    async def test_those_of_another_company_are_not_listed(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        await invite(world, there)
        assert await self._invitations(world, here) == []


class UserReaderContract(InvitationListContract):
    """Of UserReader as a whole."""
