"""The contract of CompanyReader: the companies of the caller's account.

The subclass provides the fixture `world`; see `tests.contracts.world`.
"""

import pytest

from core.auth.errors import SessionEnded
from core.companies.read_models import CompanyView
from core.kernel.actor import Actor, Role
from core.kernel.paging import PageRequest, Sort
from tests.contracts.people_lists import BY_NAME, DIRECTIONS, in_order
from tests.contracts.world import ContractWorld


async def listed(world: ContractWorld, actor: Actor, sort: Sort = BY_NAME) -> list[CompanyView]:
    page, _ = await world.company_reader.page(actor, sort=sort, page=PageRequest())
    return page.items


class CompanyReaderContract:
    """Of CompanyReader."""

    async def test_a_company_is_shown_with_the_role_that_the_caller_has_there(self, world: ContractWorld) -> None:
        owner, other = await world.company("Here"), await world.company("There")
        await world.joins(owner, other.company_id, role=Role.ADMIN)
        assert [(view.id, view.role) for view in await listed(world, owner)] == [
            (owner.company_id, Role.OWNER),
            (other.company_id, Role.ADMIN),
        ]
        assert [view.id for view in await listed(world, other)] == [other.company_id]
        async with world.company_unit_of_work(owner) as uow:
            company = await uow.load()
        found, seq = await world.company_reader.one(owner, owner.company_id)
        assert found == CompanyView.of(company, role=Role.OWNER)
        assert (await world.company_reader.page(owner, sort=BY_NAME, page=PageRequest())).seq == seq

    @pytest.mark.parametrize("descending", DIRECTIONS)
    @pytest.mark.parametrize("field", ["name", "created_at", "updated_at"])
    async def test_pages_join_to_the_whole_list(self, world: ContractWorld, field: str, descending: bool) -> None:
        owner, sort = await world.company("b"), Sort(field=field, descending=descending)
        for name in ("c", "a", "a", "b"):
            await world.joins(owner, (await world.company(name)).company_id)
        whole = await listed(world, owner, sort)
        assert len(whole) == 5
        assert whole == in_order(whole, sort)
        for limit in (1, 2, 5):
            joined, position = list[CompanyView](), None
            for _ in range(5):
                request = PageRequest(limit=limit, position=position, include_total=True)
                page, _ = await world.company_reader.page(owner, sort=sort, page=request)
                assert page.total == 5
                joined, position = joined + page.items, page.next_position
                if position is None:
                    break
            assert joined == whole
        skipped, _ = await world.company_reader.page(owner, sort=sort, page=PageRequest(limit=2, skip=2))
        assert (skipped.items, skipped.total) == (whole[2:4], None)

    async def test_what_the_account_does_not_belong_to_is_not_there(self, world: ContractWorld) -> None:
        owner, other = await world.company("Here"), await world.company("There")
        assert (await world.company_reader.one(owner, other.company_id)).value is None
        assert (await world.company_reader.one(owner, world.ids.new())).value is None
        for leave in (world.deactivate, world.take_acceptance_back):
            there = await world.joins(owner, (await world.company("Left")).company_id)
            assert (await world.company_reader.one(owner, there.company_id)).value is not None
            await leave(there)
            assert (await world.company_reader.one(owner, there.company_id)).value is None
        page, _ = await world.company_reader.page(owner, sort=BY_NAME, page=PageRequest(include_total=True))
        assert ([view.id for view in page.items], page.total) == ([owner.company_id], 1)

    async def test_whose_session_has_ended_is_shown_none(self, world: ContractWorld) -> None:
        owner = await world.company()
        await world.sign_out(owner)
        with pytest.raises(SessionEnded):
            await listed(world, owner)
        with pytest.raises(SessionEnded):
            await world.company_reader.one(owner, owner.company_id)
