"""What a batch knows of who stands below whom."""

import time
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from core.tasks.batches import Kin
from core.tasks.use_cases.family import Family
from core.tasks.use_cases.journal import Journal
from tests.builders import an_id

PROJECT = an_id()
IDS = sorted(an_id() for _ in range(7))
# A task may stand below an earlier one; where nothing is kept, what was put is taken back.
PUTS = st.tuples(st.integers(0, 6), st.none() | st.integers(0, 5), st.booleans())


def height(parents: dict[UUID, UUID | None], task_id: UUID) -> int:
    return max((height(parents, each) + 1 for each, parent in parents.items() if parent == task_id), default=0)


class TestAFamily:
    @given(puts=st.lists(PUTS, max_size=25))
    def test_knows_how_deep_it_goes_whatever_was_put_and_taken_back(
        self, puts: list[tuple[int, int | None, bool]]
    ) -> None:
        journal = Journal()
        parents: dict[UUID, UUID | None] = dict.fromkeys(IDS)
        family = Family({each: Kin(each, PROJECT, None) for each in IDS}, journal)
        for task, parent, kept in puts:
            below = IDS[parent] if parent is not None and parent < task else None
            journal.begin()
            family.put(Kin(IDS[task], PROJECT, below), lives=True)
            now = {**parents, IDS[task]: below}
            for each in IDS:
                lineage = family.lineage(IDS[0], PROJECT, each)
                assert lineage is not None and lineage.below == height(now, each)
            if kept:
                parents = now
            else:
                journal.take_back()
        for each in IDS:
            lineage = family.lineage(IDS[0], PROJECT, each)
            assert lineage is not None and lineage.below == height(parents, each)

    def test_looks_at_a_crowd_of_sub_tasks_once(self) -> None:
        top, parent = an_id(), an_id()
        kin = [Kin(top, PROJECT, None), *(Kin(an_id(), PROJECT, parent) for _ in range(20_000))]
        family = Family({each.id: each for each in (*kin, Kin(parent, PROJECT, None))}, Journal())
        began = time.perf_counter()
        for number in range(1_000):
            assert family.lineage(top, PROJECT, parent) is not None
            family.put(Kin(parent, PROJECT, top if number % 2 else None), lives=True)
        # It takes some hundredths of a second; to look at all of them each time would take several.
        assert time.perf_counter() - began < 2
