"""Carrying jobs out: each is at one worker, ends by name, and is left to others where it can go on."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from core.jobs.errors import JobFinished, JobNotFound, TooManyJobs
from core.jobs.model import LEASE, MOST_ATTEMPTS, MOST_UNFINISHED, Job, JobKind, JobRef, JobState, LeaseLost
from core.jobs.policy import sees_job, visible_jobs
from core.jobs.use_cases.running import TURN, JobRunUseCases
from core.kernel.actor import Actor, System, Via
from core.kernel.errors import DatabaseAway, Forbidden
from core.tokens.model import Scope
from tests.builders.office import Office
from tests.contracts.jobs import add_job
from tests.fakes.jobs import RememberedWakes


class Steps:
    """Work of so many steps; what is done in one of them is the test's."""

    def __init__(self, count: int, do: Callable[[int], None] = lambda _: None) -> None:
        self._left = count
        self._do = do
        self.askers: list[Actor] = []

    async def step(self, asker: Actor, job_id: UUID, *, run: UUID) -> bool:
        await asyncio.sleep(0)
        self.askers.append(asker)
        self._left -= 1
        self._do(self._left)
        return self._left == 0


@pytest.fixture
async def office() -> Office:
    return await Office.open()


def runs(office: Office, steps: Steps, wakes: RememberedWakes | None = None) -> JobRunUseCases:
    return JobRunUseCases(
        runs=office.world.job_runs,
        queue=wakes or RememberedWakes(),
        work={JobKind.TASK_IMPORT: steps},
        clock=office.clock,
        ids=office.world.ids,
    )


async def asked(office: Office, by: Actor | None = None) -> JobRef:
    return JobRef(office.olga.company_id, (await add_job(office.world, by or office.mia)).id)


def job_of(office: Office, ref: JobRef) -> Job:
    return office.stored.jobs[ref.job_id]


def fails_with(error: BaseException) -> Callable[[int], None]:
    def fail(_: int) -> None:
        raise error

    return fail


class TestRunning:
    async def test_it_goes_on_until_the_last_step_as_whoever_asked(self, office: Office) -> None:
        ref, steps = await asked(office), Steps(3)
        assert await runs(office, steps).run(System(), ref)
        assert [asker.user_id for asker in steps.askers] == [office.mia.user_id] * 3
        assert {asker.job_id for asker in steps.askers} == {ref.job_id}

    async def test_what_somebody_else_has_or_is_over_is_left_alone(self, office: Office) -> None:
        ref, steps = await asked(office), Steps(1)
        await office.world.job_runs.claim(ref, run=office.world.ids.new(), at=office.clock.now())
        assert not await runs(office, steps).run(System(), ref)
        assert not await runs(office, steps).run(System(), ref._replace(job_id=office.world.ids.new()))
        assert steps.askers == []

    async def test_a_refusal_ends_it_by_name(self, office: Office) -> None:
        ref = await asked(office)
        assert await runs(office, Steps(1, fails_with(Forbidden()))).run(System(), ref)
        job = job_of(office, ref)
        assert (job.state, job.error and job.error.code) == (JobState.FAILED, "permission.denied")
        assert job.finished_at is not None

    async def test_a_defect_ends_it_and_is_told(self, office: Office) -> None:
        ref = await asked(office)
        with pytest.raises(ZeroDivisionError):
            await runs(office, Steps(1, fails_with(ZeroDivisionError()))).run(System(), ref)
        job = job_of(office, ref)
        assert (job.state, job.error and job.error.code) == (JobState.FAILED, "job.broken")

    @pytest.mark.parametrize("error", [DatabaseAway(), asyncio.CancelledError()])
    async def test_where_it_could_go_on_it_is_left_to_others(self, office: Office, error: BaseException) -> None:
        ref = await asked(office)
        with pytest.raises(type(error)):
            await runs(office, Steps(1, fails_with(error))).run(System(), ref)
        assert job_of(office, ref).state is JobState.STARTED
        assert await runs(office, Steps(1)).run(System(), ref)

    async def test_it_waits_for_a_store_that_is_away_however_often(self, office: Office) -> None:
        ref = await asked(office)
        for _ in range(2 * MOST_ATTEMPTS):
            with pytest.raises(DatabaseAway):
                await runs(office, Steps(1, fails_with(DatabaseAway()))).run(System(), ref)
        assert await runs(office, Steps(1)).run(System(), ref)
        assert job_of(office, ref).error is None

    async def test_what_was_taken_away_is_let_be(self, office: Office) -> None:
        ref = await asked(office)
        assert not await runs(office, Steps(1, fails_with(LeaseLost()))).run(System(), ref)
        assert job_of(office, ref).state is JobState.STARTED

    async def test_nobody_does_it_for_who_was_erased(self, office: Office) -> None:
        ref = await asked(office)
        job_of(office, ref).created_by = None
        await runs(office, Steps(1)).run(System(), ref)
        error = job_of(office, ref).error
        assert error is not None and error.code == "job.asker_gone"

    async def test_what_ends_its_workers_again_and_again_is_given_up(self, office: Office) -> None:
        ref = await asked(office)
        for _ in range(MOST_ATTEMPTS):
            assert await office.world.job_runs.claim(ref, run=office.world.ids.new(), at=office.clock.now())
            office.clock.advance(LEASE)
        assert not await runs(office, Steps(1)).run(System(), ref)
        job = job_of(office, ref)
        assert (job.state, job.error and job.error.code) == (JobState.FAILED, "job.given_up")

    async def test_one_that_goes_on_is_not(self, office: Office) -> None:
        job = job_of(office, await asked(office))
        for _ in range(3 * MOST_ATTEMPTS):
            run = office.world.ids.new()
            assert job.claim(run=run, at=office.clock.now())
            job.advance(done=1, total=None, at=office.clock.now())
            job.let_go(at=office.clock.now())
        with pytest.raises(LeaseLost):
            job.ensure_run_by(office.world.ids.new())

    async def test_after_a_while_it_is_left_to_whoever_waits(self, office: Office) -> None:
        wakes, first, second = RememberedWakes(), await asked(office), await asked(office)
        steps = Steps(5, lambda _: office.clock.advance(TURN / 2))
        assert not await runs(office, steps, wakes).run(System(), first)
        job = job_of(office, first)
        assert (len(steps.askers), job.state, job.is_due(at=office.clock.now())) == (2, JobState.STARTED, True)
        # The older one of the company goes on, once others had their turn.
        assert wakes.refs == [first]
        assert not await runs(office, steps, wakes).run(System(), first)
        assert await runs(office, steps, wakes).run(System(), first)
        assert (len(steps.askers), wakes.refs) == (5, [first, first, second])

    async def test_workers_are_woken_for_what_waits_for_long(self, office: Office) -> None:
        wakes = RememberedWakes()
        ref = await asked(office)
        assert await runs(office, Steps(1), wakes).sweep(System()) == 0
        office.clock.advance(timedelta(seconds=6))
        assert await runs(office, Steps(1), wakes).sweep(System()) == 1
        assert wakes.refs == [ref]


class TestCancelling:
    async def test_whoever_asked_and_admins_may_and_others_know_of_nothing(self, office: Office) -> None:
        mine, other = await asked(office), await asked(office)
        with pytest.raises(JobNotFound):
            await office.jobs.cancel(office.max, mine.job_id)
        with pytest.raises(JobNotFound):
            await office.jobs.get(office.max, mine.job_id)
        cancelled, _ = await office.jobs.cancel(office.mia, mine.job_id)
        assert (cancelled.state, cancelled.finished_at) == ("cancelled", office.clock.now())
        assert (await office.jobs.cancel(office.mia, mine.job_id)).value == cancelled
        assert (await office.jobs.cancel(office.adam, other.job_id)).value.state == "cancelled"

    async def test_what_is_over_otherwise_is_not_cancelled(self, office: Office) -> None:
        ref = await asked(office)
        job_of(office, ref).finish({}, at=office.clock.now())
        with pytest.raises(JobFinished):
            await office.jobs.cancel(office.mia, ref.job_id)

    async def test_who_carries_a_cancelled_one_out_writes_no_more(self, office: Office) -> None:
        ref, run = await asked(office), office.world.ids.new()
        await office.world.job_runs.claim(ref, run=run, at=office.clock.now())
        await office.jobs.cancel(office.mia, ref.job_id)
        with pytest.raises(LeaseLost):
            job_of(office, ref).ensure_run_by(run)


class TestAsking:
    async def test_a_company_has_so_many_at_once(self, office: Office) -> None:
        refs = [await asked(office) for _ in range(MOST_UNFINISHED)]
        with pytest.raises(TooManyJobs):
            await asked(office)
        await office.jobs.cancel(office.adam, refs[0].job_id)
        await asked(office)

    async def test_a_job_by_a_token_is_the_tokens(self, office: Office) -> None:
        by_token = await office.by_token(of=office.mia, scopes=(Scope.TASKS_WRITE,))
        ref = await asked(office, by_token)
        job = job_of(office, ref)
        assert (job.via, job.token_id) == (Via.TOKEN, by_token.token_id)
        assert await office.world.job_runs.claim(ref, run=office.world.ids.new(), at=office.clock.now())
        asker = job.asker(ref.company_id)
        assert asker is not None and asker.via is Via.TOKEN

    async def test_the_list_and_the_single_one_are_one_rule(self, office: Office) -> None:
        ref = await asked(office)
        for who in (office.olga, office.adam, office.mia, office.max):
            visible = visible_jobs(who)
            assert sees_job(who, job_of(office, ref)) == (visible.created_by in (None, office.mia.user_id))
