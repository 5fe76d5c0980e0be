"""The contract of FeedReader and UsedTickets: what many hear at once is what each hears who asks alone.

The subclass provides the fixture `world`; see `tests.contracts.world`.
"""

from dataclasses import replace

import pytest

from core.auth.errors import SessionEnded
from core.kernel.actor import Actor, Role
from core.kernel.events import Audience
from core.realtime.model import ANY_SIZE, TICKET_LIFE, Purpose, Ticket
from core.realtime.policy import audible_events, hearing
from core.realtime.read_models import Portion
from tests.contracts.steps import Noted, delete_project, note, open_project
from tests.contracts.world import ContractWorld


class FeedContract:
    async def test_each_hears_what_they_would_read_by_themselves(self, world: ContractWorld) -> None:
        owner = await world.company()
        adam = await world.person(owner.company_id, role=Role.ADMIN)
        ann, bob = await world.person(owner.company_id), await world.person(owner.company_id, name="Bob")
        web, app, old = [await open_project(world, owner, key=key) for key in ("WEB", "APP", "OLD")]
        await world.add_to_project(web.id, ann)
        await world.add_to_project(app.id, bob)
        await world.add_to_project(old.id, ann)
        audiences = [
            Audience(project_id=project and project.id, named=named, admins=admins, everyone=everyone)
            for project in (None, web, app, old)
            for named in ((), (ann.user_id,), (bob.user_id, adam.user_id))
            for admins in (True, False)
            for everyone in (False, True)
        ]
        await note(world, owner, *(Noted(text=str(place), to=to) for place, to in enumerate(audiences)))
        await delete_project(world, owner, old)
        everybody = [owner, adam, ann, bob]
        portion = await read(world, everybody)
        for actor in everybody:
            alone = await world.event_reader.after(
                actor, audible=audible_events(actor), position=0, types=(), limit=200
            )
            assert heard(portion, actor) == [event.seq for event in alone.value.events], actor.role
            together = {event.seq: event for event, _ in portion.events}
            assert all(together[event.seq] == event for event in alone.value.events)

    async def test_it_is_read_in_parts_without_a_gap(self, world: ContractWorld) -> None:
        owner = await world.company()
        head = await note(world, owner, *(Noted(text=str(place)) for place in range(10)))
        position, seqs = 0, []
        while True:
            portion = await read(world, [owner], position=position, most=4)
            seqs += [event.seq for event, _ in portion.events]
            if portion.examined == position:
                break
            position = portion.examined
        assert seqs == list(range(1, head + 1))

    async def test_no_more_is_read_at_once_than_is_said_but_one_event_in_any_case(self, world: ContractWorld) -> None:
        owner = await world.company()
        start = await note(world, owner)
        head = await note(world, owner, *(Noted(text=text * 50_000) for text in "abcdefgh"))
        position, seqs = start, []
        while True:
            portion = await read(world, [owner], position=position, most_bytes=150_000)
            assert 1 <= len(portion.events) <= 4
            seqs += [event.seq for event, _ in portion.events]
            position = portion.examined
            if not portion.is_cut:
                break
        assert seqs == list(range(start + 1, head + 1))
        portion = await read(world, [owner], position=start, most_bytes=1)
        assert (len(portion.events), portion.is_cut) == (1, True)
        assert not (await read(world, [owner], position=start)).is_cut

    async def test_what_is_kept_is_told_as_to_those_who_ask_alone(self, world: ContractWorld) -> None:
        owner = await world.company()
        backup = await note(world, owner, *(Noted(text=text) for text in "abcd"))
        await world.forget_events(owner.company_id, upto=2)
        await world.jump(owner.company_id, to=backup + 9)
        head = await note(world, owner, Noted(text="e"))
        for position in range(head + 1):
            alone = await world.event_reader.is_kept(owner, position=position)
            assert await world.feed_reader.is_kept(owner.company_id, position=position) == alone.value
        portion = await read(world, [owner], position=backup)
        assert (heard(portion, owner), portion.examined) == ([head], head)

    async def test_what_holds_is_what_is_so_now(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id)
        head = await note(world, owner, Noted(text="for admins"))
        assert heard(await read(world, [ann], position=head - 1), ann) == []
        await world.change_role(ann, Role.ADMIN)
        assert heard(await read(world, [ann], position=head - 1), ann) == [head]

    async def test_whose_session_or_membership_ended_stands_no_more(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann, bob = await world.person(owner.company_id), await world.person(owner.company_id, name="Bob")
        assert (await read(world, [owner, ann, bob])).standing.keys() == {each.key_id for each in (owner, ann, bob)}
        await world.deactivate(ann)
        await world.sign_out(bob)
        assert (await read(world, [owner, ann, bob])).standing.keys() == {owner.key_id}

    async def test_a_session_stands_in_its_own_companies_alone(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        await note(world, there, Noted(text="secret", to=Audience(everyone=True)))
        portion = await read(world, [replace(there, company_id=here.company_id), here])
        assert portion.standing.keys() == {here.key_id}
        assert "secret" not in [event.body.get("text") for event, _ in portion.events]

    async def test_who_sees_whom(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann, bob, cid = [await world.person(owner.company_id, name=name) for name in ("Ann", "Bob", "Cid")]
        web, old = await open_project(world, owner), await open_project(world, owner, key="OLD")
        for project, actor in ((web, ann), (web, bob), (old, bob), (old, cid)):
            await world.add_to_project(project.id, actor)
        await delete_project(world, owner, old)
        everybody = [owner, ann, bob, cid]
        ids = sorted(each.user_id for each in everybody)
        found = await world.feed_reader.acquainted(owner.company_id, listeners=ids, others=ids)
        assert found.of_all == {owner.user_id}
        # Whoever opens a project is its first member.
        together = [owner, ann, bob]
        wanted = ((owner, everybody), (ann, together), (bob, together), (cid, [cid]))
        for actor, seen in wanted:
            others = set(ids) if actor.user_id in found.of_all else {b for a, b in found.pairs if a == actor.user_id}
            assert others | {actor.user_id} == {each.user_id for each in seen}
            alone = await world.event_reader.seen(actor, among=ids)
            assert alone.value == sorted(each.user_id for each in seen)

    async def test_where_logs_stand_is_seen_at_a_glance(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        head = await note(world, here)
        found = await world.feed_reader.glance([here.company_id, there.company_id, world.ids.new()])
        assert found.heads == {here.company_id: head, there.company_id: 2}

    async def test_what_ended_a_moment_ago_is_seen_at_a_glance(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann, bob = await world.person(owner.company_id), await world.person(owner.company_id, name="Bob")
        await world.sign_out(ann)
        ended = (await world.feed_reader.glance([owner.company_id])).ended
        assert ended & {owner.key_id, ann.key_id, bob.key_id} == {ann.key_id}

    async def test_a_ticket_is_used_once(self, world: ContractWorld) -> None:
        owner = await world.company()
        tickets = [
            Ticket(id=world.ids.new(), purpose=Purpose.SOCKET, actor=owner, expires_at=world.clock.now() + TICKET_LIFE)
            for _ in range(2)
        ]
        assert [await world.used_tickets.use(each) for each in (*tickets, *tickets)] == [True, True, False, False]

    async def test_a_ticket_is_worth_nothing_once_the_session_ended(self, world: ContractWorld) -> None:
        owner = await world.company()
        ticket = Ticket(
            id=world.ids.new(), purpose=Purpose.SOCKET, actor=owner, expires_at=world.clock.now() + TICKET_LIFE
        )
        await world.sign_out(owner)
        with pytest.raises(SessionEnded):
            await world.used_tickets.use(ticket)


async def read(
    world: ContractWorld, actors: list[Actor], *, position: int = 0, most: int = 200, most_bytes: int = ANY_SIZE
) -> Portion:
    return await world.feed_reader.read(
        actors[0].company_id,
        position=position,
        most=most,
        most_bytes=most_bytes,
        sessions={actor.session_id for actor in actors if actor.session_id is not None},
        tokens=set(),
        users={actor.user_id for actor in actors},
    )


def heard(portion: Portion, actor: Actor) -> list[int]:
    audible = portion.standing[actor.key_id]
    return [
        event.seq
        for event, audience in portion.events
        if hearing(audience, members={user for project, user in portion.members if project == audience.project_id})(
            audible
        )
    ]
