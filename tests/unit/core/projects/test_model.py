import re
from itertools import islice
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kernel.errors import Invalid
from core.kernel.events import Change
from core.projects.errors import ProjectArchived
from core.projects.model import Project, ProjectChanges, ProjectStatus, checked_key, keys_from
from tests.builders import NOW, a_project, an_id

LATER = NOW + timedelta(hours=1)


def opened(**fields: object) -> tuple[Project, object]:
    usual = {"key": "web", "name": "Website", "description": None, "deadline": None, "status": ProjectStatus.PENDING}
    return Project.open(id=an_id(), created_by=an_id(), at=NOW, **{**usual, **fields})


class TestProject:
    def test_it_opens_active_at_its_first_version_and_says_so(self) -> None:
        project, created = opened(name=" Website ", description=" All of it ")
        assert (project.key, project.name, project.description) == ("WEB", "Website", "All of it")
        assert (project.is_active, project.version, project.deleted_at) == (True, 1, None)
        assert (created.project_id, created.key, created.name) == (project.id, "WEB", "Website")

    @pytest.mark.parametrize(
        ("fields", "pointer"),
        [({"name": ""}, "/name"), ({"description": "\x00"}, "/description"), ({"key": "1A"}, "/key")],
    )
    def test_fields_that_are_none_are_refused(self, fields: dict[str, object], pointer: str) -> None:
        with pytest.raises(Invalid) as refused:
            opened(**fields)
        assert [fault.pointer for fault in refused.value.faults] == [pointer]

    def test_a_change_answers_what_is_really_different(self) -> None:
        project = a_project(name="Website", status=ProjectStatus.PENDING)
        changes = ProjectChanges(
            given=frozenset({"name", "status", "deadline"}),
            name=" Website ",
            status=ProjectStatus.IN_PROGRESS,
            deadline=date(2026, 5, 1),
        )
        updated = project.change(changes, at=LATER)
        assert updated is not None
        assert updated.changes == {
            "status": Change(old="pending", new="in_progress"),
            "deadline": Change(old=None, new=date(2026, 5, 1)),
        }
        assert (project.version, updated.version, project.updated_at) == (2, 2, LATER)

    def test_a_change_to_what_it_is_already_is_none(self) -> None:
        project = a_project(name="Website")
        before = a_project(**{**_fields(project)})
        assert project.change(ProjectChanges(given=frozenset({"name"}), name="Website"), at=LATER) is None
        assert project == before

    def test_what_is_not_given_stays(self) -> None:
        project = a_project(description="Stays", deadline=date(2026, 5, 1))
        project.change(ProjectChanges(given=frozenset({"name"}), name="Shop"), at=LATER)
        assert (project.name, project.description, project.deadline) == ("Shop", "Stays", date(2026, 5, 1))

    def test_optional_fields_are_cleared_by_none(self) -> None:
        project = a_project(description="Goes", deadline=date(2026, 5, 1))
        project.change(ProjectChanges(given=frozenset({"description", "deadline"})), at=LATER)
        assert (project.description, project.deadline) == (None, None)

    @pytest.mark.parametrize("fields", [{"name": " "}, {"description": "x" * 100_001}])
    def test_a_value_that_is_none_changes_nothing(self, fields: dict[str, str]) -> None:
        project = a_project()
        before = a_project(**_fields(project))
        with pytest.raises(Invalid):
            project.change(ProjectChanges(given=frozenset(fields), **fields), at=LATER)
        assert project == before

    def test_the_archive_is_not_changed(self) -> None:
        project = a_project(is_active=False)
        with pytest.raises(ProjectArchived):
            project.change(ProjectChanges(given=frozenset({"name"}), name="Shop"), at=LATER)
        with pytest.raises(ProjectArchived):
            project.ensure_open()

    def test_it_returns_from_the_archive_with_its_changes(self) -> None:
        project = a_project(is_active=False)
        project.change(ProjectChanges(given=frozenset({"is_active", "name"}), is_active=True, name="Shop"), at=LATER)
        assert (project.is_active, project.name) == (True, "Shop")
        project.ensure_open()

    def test_its_end_is_told_to_its_members(self) -> None:
        project, members = a_project(), (an_id(), an_id())
        deleted = project.delete(members=members, at=LATER)
        assert (project.deleted_at, project.version, deleted.version) == (LATER, 2, 2)
        assert deleted.members == members


class TestKey:
    @pytest.mark.parametrize(("given_key", "key"), [("web", "WEB"), ("W1", "W1"), ("Abcdefghi9", "ABCDEFGHI9")])
    def test_it_is_in_capitals(self, given_key: str, key: str) -> None:
        assert checked_key(given_key) == key

    @pytest.mark.parametrize("key", ["", "W", "1A", "ABCDEFGHIJK", "A-B", "A B", "ÄB", "AB\n", " AB", "А1"])
    def test_what_is_no_key_is_refused(self, key: str) -> None:
        with pytest.raises(Invalid) as refused:
            checked_key(key)
        assert [fault.pointer for fault in refused.value.faults] == ["/key"]

    @given(st.text(max_size=200))
    def test_any_name_suggests_keys(self, name: str) -> None:
        keys = list(islice(keys_from(name), 2_000))
        assert len(set(keys)) >= 1_990
        assert all(re.fullmatch(r"[A-Z][A-Z0-9]{1,9}", key) for key in keys)

    @pytest.mark.parametrize(
        ("name", "first"),
        [
            ("Website", ["WEB", "WEBS", "WEBSI", "WEB2"]),
            ("Mobile app rewrite", ["MAR", "MOB", "MOBI", "MOBIL", "MAR2"]),
            ("Été à Zürich", ["EAZ"]),
            ("3D printing", ["PRJ", "PRJ2"]),
            ("Продажи", ["PRJ", "PRJ2"]),
            ("X", ["PRJ"]),
        ],
    )
    def test_the_best_come_first(self, name: str, first: list[str]) -> None:
        assert list(islice(keys_from(name), len(first))) == first

    def test_more_projects_than_ten_thousand_may_have_names_without_such_letters(self) -> None:
        assert next(islice(keys_from("Продажи"), 200_000, None)) == "PRJ200001"


def _fields(project: Project) -> dict[str, object]:
    return {name: getattr(project, name) for name in Project.__slots__}
