"""The contract of EventReader, over facts that units of work wrote.

The subclass provides the fixture `world`; see `tests.contracts.world`. Of it this contract uses `company`, `person`,
`add_to_project`, the task and project units of work, the event reader, the clock and the ids.
"""

from core.kernel.actor import Actor, Role
from core.kernel.events import Audience, Change
from core.realtime.model import ANY_SIZE
from core.realtime.policy import audible_events
from core.realtime.read_models import EventView, Stretch
from core.tasks.events import TaskUpdated
from core.tasks.fields import Priority
from tests.contracts.steps import Noted, Rung, add_task, delete_project, note, open_project
from tests.contracts.world import ContractWorld

ADMINS = Audience()


class EventContract:
    """Of the log as one caller hears it."""

    async def test_a_log_begins_with_the_company_and_has_no_gap(self, world: ContractWorld) -> None:
        owner = await world.company()
        for text in "abc":
            await note(world, owner, Noted(text=text), Noted(text=text))
        heard = (await self._after(world, owner)).events
        assert [event.seq for event in heard] == list(range(1, len(heard) + 1))
        assert [event.event for event in heard][:2] == ["company_created", "user_created"]
        assert [event.body["text"] for event in heard[2:]] == list("aabbcc")

    async def test_an_event_says_what_when_by_whom_and_how(self, world: ContractWorld) -> None:
        owner = await world.company()
        before = world.clock.now()
        project = await open_project(world, owner)
        event = (await self._after(world, owner)).events[-1]
        assert (event.event, event.channel, event.via) == ("project_created", "project_updates", "session")
        assert (event.actor_id, event.project_id) == (owner.user_id, project.id)
        assert before <= event.occurred_at <= world.clock.now()
        assert event.body == {
            "project_id": str(project.id),
            "key": "WEB",
            "name": "Website",
            "created_by": str(owner.user_id),
            "version": 1,
        }

    async def test_changes_of_fields_are_told_as_old_and_new(self, world: ContractWorld) -> None:
        owner = await world.company()
        project = await open_project(world, owner)
        task = await add_task(world, owner, project)
        changes = {
            "priority": Change(old=Priority.LOW, new=Priority.HIGH),
            "assigned_to": Change(old=None, new=owner.user_id),
        }
        await note(world, owner, TaskUpdated(task_id=task.id, project_id=project.id, version=2, changes=changes))
        event = (await self._after(world, owner)).events[-1]
        assert event.body == {
            "task_id": str(task.id),
            "project_id": str(project.id),
            "version": 2,
            "changes": {
                "priority": {"old": "low", "new": "high"},
                "assigned_to": {"old": None, "new": str(owner.user_id)},
            },
        }

    async def test_reading_goes_on_after_a_position(self, world: ContractWorld) -> None:
        owner = await world.company()
        head = await note(world, owner)
        await note(world, owner, *(Noted(text=text) for text in "abcde"))
        first = await self._after(world, owner, position=head, limit=2)
        assert (_texts(first), first.examined) == ("ab", head + 2)
        second = await self._after(world, owner, position=first.examined, limit=3)
        assert (_texts(second), second.examined) == ("cde", head + 5)
        third = await self._after(world, owner, position=second.examined, limit=3)
        assert (_texts(third), third.examined) == ("", head + 5)

    async def test_what_was_examined_reaches_the_head_though_little_of_it_is_heard(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id)
        head = await note(world, owner, Noted(text="for ann", to=Audience(named=(ann.user_id,))), Noted(text="not"))
        heard = await self._after(world, ann, limit=5)
        assert (_texts(heard), heard.examined) == ("for ann", head)

    async def test_nothing_is_skipped_however_short_the_stretches(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id)
        project = await open_project(world, owner)
        await world.add_to_project(project.id, ann)
        audiences = [Audience(project_id=project.id), ADMINS, Audience(named=(ann.user_id,), admins=False)]
        facts = [Noted(text=str(place), to=audiences[place % 3]) for place in range(9)]
        await note(world, owner, *facts)
        whole = (await self._after(world, ann)).events
        joined: list[EventView] = []
        position = 0
        for _ in range(len(whole) + 1):
            stretch = await self._after(world, ann, position=position, limit=1)
            joined += stretch.events
            position = stretch.examined
        assert joined == whole
        assert [event.body.get("text") for event in whole] == [None, "0", "2", "3", "5", "6", "8"]

    async def test_only_the_asked_types_are_answered(self, world: ContractWorld) -> None:
        owner = await world.company()
        await note(world, owner, Noted(text="a"), Rung(text="b"), Noted(text="c"))
        assert _texts(await self._after(world, owner, types=("noted",))) == "ac"
        assert _texts(await self._after(world, owner, types=("rung", "noted"))) == "abc"
        assert _texts(await self._after(world, owner, types=("unheard_of",))) == ""

    async def test_members_hear_of_their_projects_alone(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id)
        web, app = await open_project(world, owner), await open_project(world, owner, key="APP")
        await world.add_to_project(web.id, ann)
        await note(
            world,
            owner,
            Noted(text="w", to=Audience(project_id=web.id)),
            Noted(text="a", to=Audience(project_id=app.id)),
            Noted(text="n"),
        )
        assert _texts(await self._after(world, ann)) == "w"
        assert _texts(await self._after(world, owner)) == "wan"

    async def test_whoever_is_new_in_a_project_reads_its_past(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann, project = await world.person(owner.company_id), await open_project(world, owner)
        assert (await self._after(world, ann)).events == []
        await world.add_to_project(project.id, ann)
        assert [event.event for event in (await self._after(world, ann)).events] == ["project_created"]

    async def test_what_names_others_alone_is_not_for_admins(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann, adam = await world.person(owner.company_id), await world.person(owner.company_id, role=Role.ADMIN)
        private = Audience(named=(ann.user_id,), admins=False)
        await note(world, owner, Noted(text="p", to=private), Noted(text="s", to=Audience(named=(ann.user_id,))))
        assert _texts(await self._after(world, ann)) == "ps"
        assert _texts(await self._after(world, adam)) == "s"
        assert _texts(await self._after(world, owner)) == "s"

    async def test_an_admin_who_is_named_hears_of_it(self, world: ContractWorld) -> None:
        owner = await world.company()
        await note(world, owner, Noted(text="mine", to=Audience(named=(owner.user_id,), admins=False)))
        assert _texts(await self._after(world, owner)) == "mine"

    async def test_a_deleted_project_is_heard_of_no_more_but_for_its_end(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann, bob = await world.person(owner.company_id), await world.person(owner.company_id, name="Bob")
        project = await open_project(world, owner)
        await world.add_to_project(project.id, ann)
        await add_task(world, owner, project)
        await delete_project(world, owner, project)
        assert [event.event for event in (await self._after(world, ann)).events] == ["project_deleted"]
        assert (await self._after(world, bob)).events == []
        assert [event.event for event in (await self._after(world, owner)).events][-3:] == [
            "project_created",
            "task_created",
            "project_deleted",
        ]

    async def test_nobody_hears_of_another_company(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        await note(world, there, Noted(text="secret", to=Audience(named=(here.user_id,))))
        answer = await world.event_reader.after(here, audible=audible_events(here), position=0, types=(), limit=100)
        assert [event.event for event in answer.value.events] == ["company_created", "user_created"]
        assert answer.seq == 2

    async def test_a_position_beyond_the_head_is_told_by_the_heads_position(self, world: ContractWorld) -> None:
        owner = await world.company()
        head = await note(world, owner)
        answer = await world.event_reader.after(
            owner, audible=audible_events(owner), position=head + 9, types=(), limit=5
        )
        assert (answer.value.events, answer.seq) == ([], head)

    async def test_whoever_goes_on_from_what_is_gone_is_told(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id)
        head = await note(world, owner, *(Noted(text=text) for text in "abc"))
        first = head - 2
        assert not (await self._after(world, owner)).is_expired
        await world.forget_events(owner.company_id, upto=first)
        for caller in (owner, ann):
            # Be it that nothing of what is gone was for them: that cannot be known any more.
            assert (await self._after(world, caller)).is_expired
            assert (await self._after(world, caller, position=first - 1)).is_expired
            assert not (await self._after(world, caller, position=first)).is_expired
            assert not (await self._after(world, caller, position=head)).is_expired
        assert _texts(await self._after(world, owner, position=first)) == "bc"
        for position, is_kept in ((0, False), (first - 1, False), (first, True), (head, True)):
            assert await world.event_reader.is_kept(ann, position=position) == (is_kept, head)
        await world.forget_events(owner.company_id, upto=head)
        assert (await self._after(world, owner, position=head - 1)).is_expired
        assert await self._after(world, owner, position=head) == Stretch([], head)
        assert await note(world, owner, Noted(text="d")) == head + 1
        assert _texts(await self._after(world, owner, position=head)) == "d"

    async def test_after_a_restore_positions_of_no_log_are_told_from_those_of_the_backup(
        self, world: ContractWorld
    ) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id)
        backup = await note(world, owner, Noted(text="a"), Noted(text="b"))
        head = backup + 50
        await world.jump(owner.company_id, to=head)
        lost = range(backup + 1, backup + 4)
        for written in (False, True):
            if written:
                assert await note(world, owner, Noted(text="c"), Noted(text="d")) == head + 2
            # Whoever saw all of the backup, or less, has missed nothing.
            for position in (0, backup - 1, backup, head):
                assert (await world.event_reader.is_kept(ann, position=position)).value, position
                found = await self._after(world, owner, position=position)
                assert not found.is_expired
                assert _texts(found) == ("ab" if position < backup - 1 else "b" if position < backup else "") + (
                    "cd" if written else ""
                )
            # Whoever saw what is not there any more reads anew, and misses nothing of what has come instead.
            for position in (*lost, head - 1):
                assert not (await world.event_reader.is_kept(ann, position=position)).value, position
                for caller in (owner, ann):
                    assert (await self._after(world, caller, position=position)).is_expired, position

    async def test_no_more_is_read_at_once_than_is_said_but_one_event_in_any_case(self, world: ContractWorld) -> None:
        owner = await world.company()
        start = await note(world, owner)
        head = await note(world, owner, *(Noted(text=text * 50_000) for text in "abcdefgh"), Noted(text="short"))
        joined: list[int] = []
        position, parts = start, 0
        while position < head:
            stretch = await self._after(world, owner, position=position, most_bytes=150_000)
            assert 1 <= len(stretch.events) <= 4
            assert stretch.examined == stretch.events[-1].seq
            joined += [event.seq for event in stretch.events]
            position, parts = stretch.examined, parts + 1
        assert joined == list(range(start + 1, head + 1))
        assert parts > 1
        assert len((await self._after(world, owner, position=start, most_bytes=1)).events) == 1
        assert len((await self._after(world, owner, position=start)).events) == head - start

    async def test_what_lies_between_a_backup_and_its_restore_is_not_looked_through(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id)
        backup = await note(world, owner, Noted(text="a"))
        await world.jump(owner.company_id, to=10**15)
        assert await self._after(world, ann, most=100) == Stretch([], 10**15)
        head = await note(world, owner, Noted(text="b"), Noted(text="c", to=Audience(named=(ann.user_id,))))
        first = await self._after(world, ann, most=backup + 3)
        assert first == Stretch([], 10**15)
        following = await self._after(world, ann, position=first.examined, most=backup + 3)
        assert (_texts(following), following.examined, following.is_expired) == ("c", head, False)

    async def test_no_more_is_looked_through_than_is_said(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id)
        start = await note(world, owner, *(Noted(text=text) for text in "abcd"))
        head = await note(world, owner, Noted(text="e", to=Audience(named=(ann.user_id,))))
        assert await self._after(world, ann, position=start - 4, most=3) == Stretch([], start - 1)
        found = await self._after(world, ann, position=start - 1, most=3)
        assert (_texts(found), found.examined) == ("e", head)
        found = await self._after(world, owner, position=start - 4, most=2)
        assert (_texts(found), found.examined) == ("ab", start - 2)

    async def _after(
        self,
        world: ContractWorld,
        actor: Actor,
        *,
        position: int = 0,
        types: tuple[str, ...] = (),
        limit: int = 100,
        most: int = 1000,
        most_bytes: int = ANY_SIZE,
    ) -> Stretch:
        answer = await world.event_reader.after(
            actor,
            audible=audible_events(actor),
            position=position,
            types=types,
            limit=limit,
            most=most,
            most_bytes=most_bytes,
        )
        return answer.value


def _texts(stretch: Stretch) -> str:
    return "".join(event.body["text"] for event in stretch.events if "text" in event.body)
