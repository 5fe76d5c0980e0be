"""The contract of JobUnitOfWork, JobReader and JobRuns.

The subclass provides the fixture `world`; see `tests.contracts.world`.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from core.jobs.errors import AskerGone
from core.jobs.model import LEASE, Job, JobError, JobKind, JobRef, JobState
from core.jobs.policy import Visible
from core.jobs.ports import JobFilter
from core.kernel.actor import Actor, Role
from core.kernel.errors import Unauthenticated
from core.kernel.paging import PageRequest, Sort
from tests.contracts.world import ContractWorld

NEWEST = Sort(field="created_at", descending=True)


async def add_job(world: ContractWorld, actor: Actor, *, at: datetime | None = None) -> Job:
    async with world.job_unit_of_work(actor) as uow:
        job = Job.ask(
            id=world.ids.new(),
            kind=JobKind.TASK_IMPORT,
            unit="rows",
            unfinished=await uow.jobs.count_unfinished(),
            by=actor,
            at=at or world.clock.now(),
        )
        uow.jobs.add(job)
        await uow.commit()
    return job


async def stored(world: ContractWorld, actor: Actor, job_id: UUID) -> Job:
    async with world.job_unit_of_work(actor) as uow:
        job = await uow.jobs.load(job_id)
    assert job is not None
    return job


class JobContract:
    async def test_a_job_is_loaded_as_it_was_added_and_is_its_companys_alone(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        job = await add_job(world, here)
        assert await stored(world, here, job.id) == job
        async with world.job_unit_of_work(there) as uow:
            assert await uow.jobs.load(job.id) is None
            assert await uow.jobs.count_unfinished() == 0
        assert (await world.job_reader.one(there, job.id, visible=Visible())).value is None

    async def test_what_is_not_over_counts(self, world: ContractWorld) -> None:
        owner = await world.company()
        first, _ = await add_job(world, owner), await add_job(world, owner)
        async with world.job_unit_of_work(owner) as uow:
            job = await uow.jobs.load(first.id)
            assert job is not None
            job.cancel(at=world.clock.now())
            uow.jobs.save(job)
            await uow.commit()
        async with world.job_unit_of_work(owner) as uow:
            assert await uow.jobs.count_unfinished() == 1
        assert await stored(world, owner, first.id) == job

    async def test_lists_hold_ones_own_or_all_and_are_filtered_and_paged(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id)
        at = world.clock.now()
        jobs = [await add_job(world, who, at=at + timedelta(seconds=n)) for n, who in enumerate((owner, ann, owner))]
        await world.job_runs.claim(JobRef(owner.company_id, jobs[2].id), run=world.ids.new(), at=at)

        async def ids(visible: Visible, where: JobFilter = JobFilter(), **page: int) -> list[UUID]:
            found, _ = await world.job_reader.page(
                owner, visible=visible, where=where, sort=NEWEST, page=PageRequest(**page)
            )
            return [job.id for job in found.items]

        assert await ids(Visible()) == [jobs[2].id, jobs[1].id, jobs[0].id]
        assert await ids(Visible(created_by=ann.user_id)) == [jobs[1].id]
        assert await ids(Visible(), JobFilter(state=(JobState.STARTED,))) == [jobs[2].id]
        assert await ids(Visible(), JobFilter(state=(JobState.FINISHED, JobState.FAILED))) == []
        assert await ids(Visible(), JobFilter(kind=(JobKind.TASK_IMPORT,)), skip=1, limit=1) == [jobs[1].id]
        page, _ = await world.job_reader.page(
            owner, visible=Visible(), where=JobFilter(), sort=NEWEST, page=PageRequest(limit=2, include_total=True)
        )
        assert page.total == 3
        rest, _ = await world.job_reader.page(
            owner,
            visible=Visible(),
            where=JobFilter(),
            sort=NEWEST,
            page=PageRequest(limit=2, position=page.next_position),
        )
        assert [job.id for job in rest.items] == [jobs[0].id]
        assert (await world.job_reader.one(owner, jobs[0].id, visible=Visible(created_by=ann.user_id))).value is None

    async def test_a_job_is_taken_up_by_one_alone_until_they_are_silent_for_long(self, world: ContractWorld) -> None:
        owner = await world.company()
        ref = JobRef(owner.company_id, (await add_job(world, owner)).id)
        first, second, at = world.ids.new(), world.ids.new(), world.clock.now()
        claimed = await world.job_runs.claim(ref, run=first, at=at)
        assert claimed is not None and (claimed.state, claimed.run_id) == (JobState.STARTED, first)
        assert await world.job_runs.claim(ref, run=second, at=at + LEASE / 2) is None
        assert await world.job_runs.claim(ref, run=second, at=at + LEASE) is not None
        await world.job_runs.fail(ref, JobError("x", "y"), run=first, at=at)
        assert (await stored(world, owner, ref.job_id)).run_id == second
        await world.job_runs.let_go(ref, run=second, at=at)
        assert await world.job_runs.claim(ref, run=first, at=at) is not None
        await world.job_runs.fail(ref, JobError("x", "y"), run=first, at=at)
        job = await stored(world, owner, ref.job_id)
        assert (job.state, job.error, job.finished_at, job.run_id) == (JobState.FAILED, JobError("x", "y"), at, None)
        assert await world.job_runs.claim(ref, run=first, at=at + LEASE) is None

    async def test_of_a_company_one_is_carried_out_at_once_and_the_oldest_is_next(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        at, runs = world.clock.now(), world.job_runs
        first, second, other = [
            JobRef(who.company_id, (await add_job(world, who, at=at + timedelta(seconds=n))).id)
            for n, who in enumerate((here, here, there))
        ]
        run = world.ids.new()
        assert await runs.next_of(here.company_id, at=at) == first
        assert await runs.claim(first, run=run, at=at) is not None
        assert await runs.next_of(here.company_id, at=at) == second
        assert await runs.claim(second, run=world.ids.new(), at=at) is None
        assert await runs.claim(other, run=world.ids.new(), at=at) is not None
        assert await runs.next_of(there.company_id, at=at) is None
        await runs.let_go(first, run=run, at=at)
        assert await runs.next_of(here.company_id, at=at) == first
        assert await runs.claim(second, run=run, at=at) is not None
        assert await runs.claim(first, run=run, at=at) is None
        # Of a worker that is silent for so long nobody waits for a sign.
        assert await runs.claim(first, run=run, at=at + LEASE) is not None

    async def test_those_that_nobody_carries_out_are_found_in_all_companies(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        # Older than whatever else there is: so many are found at once, the oldest first.
        at = datetime(2020, 1, 1, tzinfo=UTC)
        refs = [JobRef(who.company_id, (await add_job(world, who, at=at)).id) for who in (here, there)]

        async def due(later: timedelta, *, before: timedelta = timedelta()) -> list[JobRef]:
            found = await world.job_runs.due(at=at + later, asked_before=at + before)
            return [ref for ref in found if ref in refs]

        assert await due(timedelta()) == []
        assert sorted(await due(timedelta(), before=timedelta(seconds=1))) == sorted(refs)
        await world.job_runs.claim(refs[0], run=world.ids.new(), at=at)
        assert await due(timedelta(), before=timedelta(seconds=1)) == [refs[1]]
        assert await due(LEASE) == [refs[0]]

    async def test_a_step_is_opened_as_whoever_asked_as_long_as_they_may(self, world: ContractWorld) -> None:
        owner = await world.company()
        ann = await world.person(owner.company_id, role=Role.ADMIN)
        job = await add_job(world, ann)
        ref, asker = JobRef(owner.company_id, job.id), job.asker(owner.company_id)
        assert asker is not None
        with pytest.raises(AskerGone):
            async with world.job_unit_of_work(asker) as uow:
                await uow.jobs.load(job.id)
        await world.job_runs.claim(ref, run=world.ids.new(), at=world.clock.now())
        await world.sign_out(ann)
        async with world.job_unit_of_work(asker) as uow:
            assert await uow.jobs.load(job.id) is not None
            assert (uow.actor.user_id, uow.actor.role, uow.actor.job_id) == (ann.user_id, Role.ADMIN, job.id)
        await world.deactivate(ann)
        with pytest.raises(AskerGone):
            async with world.job_unit_of_work(asker) as uow:
                await uow.jobs.load(job.id)

    async def test_a_job_of_another_company_opens_nothing(self, world: ContractWorld) -> None:
        here, there = await world.company("Here"), await world.company("There")
        job = await add_job(world, here)
        await world.job_runs.claim(JobRef(here.company_id, job.id), run=world.ids.new(), at=world.clock.now())
        asker = job.asker(here.company_id)
        assert asker is not None
        with pytest.raises(Unauthenticated):
            async with world.job_unit_of_work(replace(asker, company_id=there.company_id)) as uow:
                await uow.jobs.load(job.id)
