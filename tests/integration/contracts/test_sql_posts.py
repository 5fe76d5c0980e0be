"""What mail is read from, in a database of its own: the applications of other tests mail from theirs."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from adapters.sql.migrating import migrate
from tests.contracts.digests import DigestContract
from tests.contracts.posts import PostContract, send
from tests.integration.conftest import Server
from tests.integration.contracts.test_sql import SqlWorld, opened_world


@pytest.fixture(scope="module")
async def own_world(postgres_server: Server) -> AsyncIterator[SqlWorld]:
    database = postgres_server.database("flowtrack_posts")
    migrate(owner_url=database.owner, application_url=database.application)
    async with opened_world(database) as world:
        yield world


class TestSqlPosts(PostContract):
    @pytest.fixture
    async def world(self, own_world: SqlWorld) -> SqlWorld:
        return own_world

    async def test_of_many_at_once_one_gets_each(self, world: SqlWorld) -> None:
        owners = [await world.company() for _ in range(5)]
        for owner in owners:
            await send(world, owner)
        at = world.clock.now()
        claims = [world.company_posts.claim(at=at, until=at + timedelta(minutes=1), most=5) for _ in range(8)]
        found = [post.company_id for post in await asyncio.gather(*claims) if post is not None]
        ours = [each for each in found if each in {owner.company_id for owner in owners}]
        assert len(ours) == len(set(ours))
        while (post := await world.company_posts.claim(at=at, until=at + timedelta(minutes=1), most=5)) is not None:
            assert post.company_id not in ours
            ours.append(post.company_id)
        assert {owner.company_id for owner in owners} <= set(ours)


class TestSqlDigests(DigestContract):
    @pytest.fixture
    async def world(self, own_world: SqlWorld) -> SqlWorld:
        return own_world
