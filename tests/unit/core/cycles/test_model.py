from datetime import date, timedelta

import pytest

from core.cycles.errors import AnotherCycleActive, CycleActive, CycleNotActive, CycleNotPlanned, CycleTakesNoTasks
from core.cycles.model import Cycle, CycleChanges, CycleStatus, checked_prefix, ensure_in_order, ensure_takes_tasks
from core.kernel.errors import Invalid, ReferenceNotFound
from core.kernel.events import Change
from tests.builders import NOW, a_cycle, an_id

LATER = NOW + timedelta(hours=1)
FIRST, LAST = date(2026, 5, 1), date(2026, 5, 14)


def changing(**fields: object) -> CycleChanges:
    return CycleChanges(given=frozenset(fields), **fields)


def pointers(refused: pytest.ExceptionInfo[Invalid]) -> list[str | None]:
    return [fault.pointer for fault in refused.value.faults]


class TestCreating:
    def test_it_is_planned_with_a_prefix_of_key_and_number(self) -> None:
        cycle, created = self._create(name=" Autumn ", starts_on=FIRST, ends_on=FIRST)
        assert (cycle.name, cycle.status, cycle.s3_prefix, cycle.version) == (
            "Autumn",
            CycleStatus.PLANNED,
            "web1/3",
            1,
        )
        assert (cycle.started_at, cycle.completed_at, cycle.created_at, cycle.updated_at) == (None, None, NOW, NOW)
        assert (created.cycle_id, created.name, created.number, created.version) == (cycle.id, "Autumn", 3, 1)
        assert created.audience().project_id == cycle.project_id

    def test_a_prefix_may_be_given(self) -> None:
        assert self._create(s3_prefix="Clients/Acme (2026)".replace(" ", "_"))[0].s3_prefix == "Clients/Acme_(2026)"

    @pytest.mark.parametrize(
        ("field", "value", "pointer"),
        [
            ("name", " ", "/name"),
            ("s3_prefix", "/x", "/s3_prefix"),
            ("description", "a\x00", "/description"),
            ("metadata", {"a": "\x00"}, "/metadata"),
            ("ends_on", date(2026, 4, 30), "/ends_on"),
        ],
    )
    def test_a_value_that_is_none_is_refused(self, field: str, value: object, pointer: str) -> None:
        with pytest.raises(Invalid) as refused:
            self._create(starts_on=FIRST, **{field: value})
        assert pointers(refused) == [pointer]

    def _create(self, **fields: object) -> tuple[Cycle, object]:
        return Cycle.create(
            **{
                "id": an_id(),
                "project_id": an_id(),
                "project_key": "WEB1",
                "number": 3,
                "name": "Autumn",
                "s3_prefix": None,
                "description": None,
                "metadata": {},
                "starts_on": None,
                "ends_on": None,
                "created_by": an_id(),
                "at": NOW,
                **fields,
            }
        )


class TestChanging:
    def test_what_is_different_is_told_and_counted(self) -> None:
        cycle = a_cycle(description="Old", starts_on=FIRST)
        updated = cycle.change(changing(name=" Winter ", description=None, starts_on=FIRST, ends_on=LAST), at=LATER)
        assert updated is not None
        assert updated.changes == {
            "name": Change(old="Autumn", new="Winter"),
            "description": Change(old="Old", new=None),
            "ends_on": Change(old=None, new=LAST),
        }
        assert (cycle.name, cycle.description, cycle.ends_on) == ("Winter", None, LAST)
        assert (updated.version, cycle.version, cycle.updated_at) == (2, 2, LATER)

    def test_what_is_equal_is_no_change(self) -> None:
        cycle = a_cycle(metadata={"a": {"b": 1}})
        same = changing(name="Autumn", s3_prefix="web/3", metadata={"a": {"b": 1}, "c": None}, starts_on=None)
        assert cycle.change(same, at=LATER) is None
        assert (cycle.version, cycle.updated_at) == (1, NOW)

    def test_metadata_is_merged(self) -> None:
        cycle = a_cycle(metadata={"a": {"b": 1, "c": 2}, "d": 3})
        cycle.change(changing(metadata={"a": {"c": None, "e": 4}}), at=LATER)
        assert cycle.metadata == {"a": {"b": 1, "e": 4}, "d": 3}
        cycle.change(changing(metadata=None), at=LATER)
        assert cycle.metadata == {}

    @pytest.mark.parametrize(("old", "new"), [(0, False), (True, 1), (1, 1.0), ([0], [False]), ({"b": 1}, {"b": True})])
    def test_metadata_that_python_takes_to_be_equal_is_another(self, old: object, new: object) -> None:
        cycle = a_cycle(metadata={"a": old})
        updated = cycle.change(changing(metadata={"a": new}), at=LATER)
        assert updated is not None and set(updated.changes) == {"metadata"}
        assert (repr(cycle.metadata), cycle.version) == (repr({"a": new}), 2)

    def test_metadata_is_not_changed_in_place(self) -> None:
        before = {"a": {"b": 1}}
        cycle = a_cycle(metadata=before)
        cycle.change(changing(metadata={"a": {"b": 2}}), at=LATER)
        assert before == {"a": {"b": 1}}

    def test_metadata_that_grows_too_large_by_merging_is_refused(self) -> None:
        cycle = a_cycle(metadata={"a": "x" * 9_000})
        with pytest.raises(Invalid) as refused:
            cycle.change(changing(metadata={"b": "x" * 9_000}), at=LATER)
        assert pointers(refused) == ["/metadata"]
        assert (cycle.metadata, cycle.version) == ({"a": "x" * 9_000}, 1)

    @pytest.mark.parametrize(
        ("changes", "pointer"),
        [
            ({"starts_on": LAST + timedelta(days=1)}, "/starts_on"),
            ({"ends_on": FIRST - timedelta(days=1)}, "/ends_on"),
            ({"starts_on": LAST, "ends_on": FIRST}, "/ends_on"),
        ],
    )
    def test_it_cannot_end_before_it_starts(self, changes: dict[str, date], pointer: str) -> None:
        cycle = a_cycle(starts_on=FIRST, ends_on=LAST)
        with pytest.raises(Invalid) as refused:
            cycle.change(changing(**changes), at=LATER)
        assert pointers(refused) == [pointer]
        assert (cycle.starts_on, cycle.ends_on, cycle.version) == (FIRST, LAST, 1)

    def test_either_day_may_be_cleared(self) -> None:
        cycle = a_cycle(starts_on=FIRST, ends_on=LAST)
        cycle.change(changing(ends_on=None), at=LATER)
        cycle.change(changing(starts_on=LAST + timedelta(days=9)), at=LATER)
        assert (cycle.starts_on, cycle.ends_on) == (LAST + timedelta(days=9), None)

    @pytest.mark.parametrize("fields", [{"name": ""}, {"s3_prefix": ".."}, {"description": "\x07"}])
    def test_bad_values_do_not_construct(self, fields: dict[str, str]) -> None:
        with pytest.raises(Invalid):
            changing(**fields)


class TestItsCourse:
    def test_it_goes_from_planned_to_active_to_completed(self) -> None:
        cycle, target = a_cycle(), an_id()
        started = cycle.start(another_is_active=False, at=LATER)
        assert (cycle.status, cycle.started_at, cycle.version, cycle.updated_at) == ("active", LATER, 2, LATER)
        assert (started.event, started.version) == ("cycle_started", 2)
        end = LATER + timedelta(days=1)
        completed = cycle.complete(carried_over=4, carry_over_to=target, at=end)
        assert (cycle.status, cycle.completed_at, cycle.version) == ("completed", end, 3)
        assert (completed.carried_over, completed.carry_over_to, completed.version) == (4, target, 3)

    @pytest.mark.parametrize("status", [CycleStatus.ACTIVE, CycleStatus.COMPLETED])
    @pytest.mark.parametrize("another_is_active", [False, True])
    def test_only_a_planned_one_starts(self, status: CycleStatus, another_is_active: bool) -> None:
        with pytest.raises(CycleNotPlanned):
            a_cycle(status=status).start(another_is_active=another_is_active, at=LATER)

    def test_it_does_not_start_while_another_is_active(self) -> None:
        cycle = a_cycle()
        with pytest.raises(AnotherCycleActive):
            cycle.start(another_is_active=True, at=LATER)
        assert (cycle.status, cycle.started_at, cycle.version) == ("planned", None, 1)

    @pytest.mark.parametrize("status", [CycleStatus.PLANNED, CycleStatus.COMPLETED])
    def test_only_the_active_one_is_completed(self, status: CycleStatus) -> None:
        cycle = a_cycle(status=status)
        with pytest.raises(CycleNotActive):
            cycle.complete(carried_over=0, carry_over_to=None, at=LATER)
        assert cycle.completed_at is None

    def test_any_but_the_active_one_is_deleted(self) -> None:
        for status in (CycleStatus.PLANNED, CycleStatus.COMPLETED):
            assert a_cycle(status=status, version=4).delete().version == 5
        with pytest.raises(CycleActive):
            a_cycle(status=CycleStatus.ACTIVE).delete()

    @pytest.mark.parametrize("status", [CycleStatus.PLANNED, CycleStatus.ACTIVE])
    def test_it_takes_tasks_until_it_is_completed(self, status: CycleStatus) -> None:
        ensure_takes_tasks(status, pointer="/x")
        with pytest.raises(CycleTakesNoTasks) as completed:
            ensure_takes_tasks(CycleStatus.COMPLETED, pointer="/x")
        with pytest.raises(ReferenceNotFound) as missing:
            ensure_takes_tasks(None, pointer="/x")
        assert pointers(completed) == pointers(missing) == ["/x"]


class TestPrefix:
    @pytest.mark.parametrize("prefix", ["a", "web/3", "A.b/c_d-e/f!g*h'(i)", "...", "a/..b/c..", "x" * 200])
    def test_it_is_relative_and_plain(self, prefix: str) -> None:
        assert checked_prefix(prefix) == prefix

    @pytest.mark.parametrize(
        "prefix",
        ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/.", "../a", "a b", "a\\b", "a%2e", "a?b", "a#b", "ä",
         "a\n", "a\x00", "a:b", "~", "$x", "a&b", "x" * 201],
    )  # fmt: skip
    def test_all_else_is_refused(self, prefix: str) -> None:
        with pytest.raises(Invalid) as refused:
            checked_prefix(prefix)
        assert pointers(refused) == ["/s3_prefix"]


class TestDays:
    def test_a_cycle_may_be_one_day_long_or_open_at_either_end(self) -> None:
        for days in ((FIRST, FIRST), (FIRST, LAST), (None, LAST), (FIRST, None), (None, None)):
            ensure_in_order(*days, pointer="/ends_on")
