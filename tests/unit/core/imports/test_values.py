"""What columns and cells mean."""

from datetime import date

import pytest

from core.imports.errors import FileMalformed, MappingInvalid
from core.imports.fields import PRESETS, Field, Meaning, checked_mapping, meanings
from core.imports.values import Draft, RowFault, is_blank, read, status_of
from core.tasks.fields import Priority, Status

COLUMNS = tuple(Meaning(place, field.value, field) for place, field in enumerate(Field))


def draft(**cells: str) -> Draft:
    found = read(2, [cells.get(field.value, "") for field in Field], COLUMNS, width=len(COLUMNS))
    assert isinstance(found, Draft)
    return found


def faults(**cells: str) -> list[tuple[str | None, str]]:
    found = read(2, [cells.get(field.value, "") for field in Field], COLUMNS, width=len(COLUMNS))
    assert isinstance(found, list)
    return [(fault.column, fault.detail) for fault in found]


class TestMapping:
    def test_each_preset_has_a_title_and_no_field_that_is_none(self) -> None:
        for name, columns in PRESETS.items():
            assert Field.TITLE in columns.values()
            assert checked_mapping(name.upper()) == columns
        assert checked_mapping(None) == checked_mapping("  ") == PRESETS["flowtrack"]

    def test_pairs_and_json_say_the_same(self) -> None:
        wanted = {"a: b": Field.TITLE, "what": Field.LABELS}
        assert checked_mapping("A: b:title, What:labels") == wanted
        assert checked_mapping('{"A: b": "title", "What": "labels"}') == wanted

    @pytest.mark.parametrize(
        "mapping",
        [
            "x", "a:b", "a:status", ":title", "a:title,A:status", "{", '{"a": 1}', "{}", "x" * 201 + ":title",
            r'{"\u0000": "title"}', r'{"a\ud800": "title"}', "a\x1b:title",
        ],
    )  # fmt: skip
    def test_what_cannot_be_is_refused(self, mapping: str) -> None:
        with pytest.raises(MappingInvalid):
            checked_mapping(mapping)

    def test_columns_are_found_in_any_case_and_several_may_be_one_field(self) -> None:
        found = meanings(["Labels", "SUMMARY ", "x", "labels"], PRESETS["jira"])
        assert [(each.place, each.field) for each in found] == [
            (0, Field.LABELS), (1, Field.TITLE), (3, Field.LABELS),
        ]  # fmt: skip

    @pytest.mark.parametrize("header", [["a", "b"], [], ["title"] * 1001])
    def test_a_header_without_title_or_without_end_is_refused(self, header: list[str]) -> None:
        with pytest.raises(FileMalformed):
            meanings(header, PRESETS["flowtrack"])


class TestCells:
    def test_an_empty_cell_says_nothing(self) -> None:
        found = draft(title="x")
        assert (found.description, found.priority, found.deadline, found.labels, found.recurrence) == (None,) * 5
        assert (found.statuses, found.assignees, found.is_done) == ((), (), False)
        assert is_blank(["", " ", "\t"]) and is_blank([]) and not is_blank(["", "x"])

    @pytest.mark.parametrize(
        ("cell", "day"),
        [
            ("2026-12-03", date(2026, 12, 3)),
            ("2026-12-03T10:00:00.000Z", date(2026, 12, 3)),
            ("2026-12-03 10:00", date(2026, 12, 3)),
            ("03/Dec/26 12:00 AM", date(2026, 12, 3)),
            ("3 December 2026", date(2026, 12, 3)),
            ("Thu Dec 03 2026 00:00:00 GMT+0000 (GMT)", date(2026, 12, 3)),
            ("December 3, 2026", date(2026, 12, 3)),
        ],
    )
    def test_days_as_trackers_write_them(self, cell: str, day: date) -> None:
        assert draft(deadline=cell).deadline == day

    @pytest.mark.parametrize(
        ("cell", "zone", "day"),
        [
            ("2026-12-03T23:30:00.000Z", "Europe/Berlin", date(2026, 12, 4)),
            ("2026-12-03T02:00:00+02:00", "America/New_York", date(2026, 12, 3)),
            ("2026-12-03T03:00Z", "America/New_York", date(2026, 12, 2)),
            ("2026-12-03T00:00:00.000Z", "America/New_York", date(2026, 12, 3)),
            ("2026-12-03T23:30:00", "Europe/Berlin", date(2026, 12, 3)),
            ("2026-06-03T22:30:00Z", "Europe/Berlin", date(2026, 6, 4)),
        ],
    )
    def test_an_instant_is_the_day_that_it_is_at_the_company_and_midnight_in_utc_a_day(
        self, cell: str, zone: str, day: date
    ) -> None:
        found = read(
            2, ["x", cell], (Meaning(0, "a", Field.TITLE), Meaning(1, "b", Field.DEADLINE)), width=2, time_zone=zone
        )
        assert isinstance(found, Draft) and found.deadline == day

    @pytest.mark.parametrize(
        "cell",
        ["0001-01-01T00:00:00+14:00", "03/12/2026", "2026-13-01", "tomorrow", "31/Foo/26", "2026-12-03x", "1" * 5000],
    )
    def test_what_is_no_day_is_a_fault(self, cell: str) -> None:
        assert faults(deadline=cell) == [("deadline", "is no day; write it as 2026-12-31")]

    def test_priorities_and_statuses_of_others(self) -> None:
        assert draft(priority=" Highest ").priority is Priority.URGENT
        assert draft(priority="No priority").priority is draft(priority="Med").priority is Priority.MEDIUM
        assert [status_of(word) for word in ("To Do", "in_progress", "In-Review", "RESOLVED", "Won't Do", "later")] == [
            Status.TODO, Status.IN_PROGRESS, Status.IN_PROGRESS, Status.DONE, Status.DONE, None,
        ]  # fmt: skip

    def test_what_an_export_escaped_is_what_it_was(self) -> None:
        assert draft(title="'=1+1").title == "=1+1"
        assert draft(title="''=1").title == "'=1"
        assert draft(title="'quoted'").title == "'quoted'"

    def test_labels_are_separated_and_no_more_than_a_task_bears(self) -> None:
        assert draft(labels="a, b;c\nd,,").labels == ("a", "b", "c", "d")
        assert draft(labels="Bug (red),(sky), Big (ish),Ops (black_dark)").labels == (
            "Bug",
            "(sky)",
            "Big (ish)",
            "Ops",
        )
        assert faults(labels=",".join(map(str, range(51)))) == [("labels", "has more than 50 labels")]
        assert faults(labels="x" * 51) == [("labels", "has more than 50 characters")]

    def test_every_fault_of_a_row_is_told(self) -> None:
        assert faults(title="x" * 501, priority="soon", external_id="a\tb") == [
            ("title", "has more than 500 characters"),
            ("priority", "is no priority: low, medium, high or urgent"),
            ("external_id", "must be on one line"),
        ]

    def test_the_first_column_that_is_not_empty_counts(self) -> None:
        columns = (Meaning(0, "a", Field.TITLE), Meaning(1, "b", Field.TITLE), Meaning(2, "c", Field.TITLE))
        found = read(2, ["", "second", "third"], columns, width=3)
        assert isinstance(found, Draft) and (found.title, found.columns[Field.TITLE]) == ("second", "b")

    def test_all_that_may_be_the_status_or_the_assignee_is_kept_in_its_order(self) -> None:
        columns = tuple(
            Meaning(place, name, PRESETS["jira"][name]) for place, name in enumerate(("status", "status category"))
        )
        found = read(2, ["Elsewhere", "Done"], columns, width=2)
        assert isinstance(found, Draft) and found.statuses == ("Elsewhere", "Done")
        found = draft(assigned_to="Bea", assigned_to_if_known="Miller, Ann; cid")
        assert (found.assignees, found.needs_assignee) == (("Bea", "Miller, Ann; cid", "Miller", "Ann", "cid"), True)
        assert not draft(assigned_to_if_known="x").needs_assignee

    @pytest.mark.parametrize("field", [Field.STATUS, Field.PARENT, Field.CYCLE])
    def test_a_row_says_no_more_than_ten_things_of_one_field(self, field: Field) -> None:
        columns = tuple(Meaning(place, f"c{place}", field) for place in range(900))
        row = [f"Word {place // 90}" for place in range(900)]
        found = read(2, row, columns, width=900)
        assert isinstance(found, Draft)
        (words,) = [said for said in (found.statuses, found.parents, found.cycles) if said]
        assert words == tuple(f"Word {n}" for n in range(10))
        detail = "there are more than 10 that differ for this field"
        assert read(2, ["", *map(str, range(899))], columns, width=900) == [RowFault(2, "c1", detail)]

    @pytest.mark.parametrize(
        ("cell", "is_done"),
        [("2026-01-09", True), ("true", True), ("FALSE", False), ("no", False), ("N", False),
         ("off", False), ("-", False), ("", False)],
    )  # fmt: skip
    def test_what_says_when_it_was_completed_says_that_it_was(self, cell: str, is_done: bool) -> None:
        assert draft(title="x", completed=cell).is_done is is_done

    def test_a_row_may_be_shorter_than_the_header_and_not_longer(self) -> None:
        assert isinstance(read(2, ["x"], COLUMNS, width=len(COLUMNS)), Draft)
        (fault,) = read(2, [""] * 9, COLUMNS, width=8)  # type: ignore[misc]
        assert fault == (2, None, "has 9 cells, and the header 8")
