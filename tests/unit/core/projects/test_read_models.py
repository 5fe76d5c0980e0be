from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.projects.read_models import ProgressView, ProjectView, percentage
from tests.builders import a_project


class TestPercentage:
    @pytest.mark.parametrize(
        ("part", "whole", "expected"),
        [(0, 0, 0.0), (0, 7, 0.0), (7, 7, 100.0), (1, 3, 33.3), (2, 3, 66.7), (1, 8, 12.5)],
    )
    def test_it_has_one_decimal(self, part: int, whole: int, expected: float) -> None:
        assert percentage(part, whole) == expected

    @pytest.mark.parametrize(("part", "expected"), [(1, 0.1), (3, 0.2), (5, 0.3), (1001, 50.1), (1999, 100.0)])
    def test_half_is_rounded_up(self, part: int, expected: float) -> None:
        """Of 2,000 each is 0.05 per cent: to the even neighbour would give 0.0, 0.2, 0.2, 50.0 and 100.0."""
        assert percentage(part, 2000) == expected

    @given(st.integers(0, 10**6), st.integers(1, 10**6))
    def test_it_is_the_exact_share_rounded_half_up(self, part: int, whole: int) -> None:
        part = min(part, whole)
        tenths = Fraction(part * 1000, whole)
        assert percentage(part, whole) == float(Fraction(int(tenths + Fraction(1, 2)), 10))


class TestProgressView:
    @given(st.integers(0, 999), st.integers(0, 999), st.integers(0, 999))
    def test_its_parts_make_the_whole(self, todo: int, in_progress: int, done: int) -> None:
        view = ProgressView.of(todo=todo, in_progress=in_progress, done=done)
        assert view.total_tasks == view.todo_tasks + view.in_progress_tasks + view.completed_tasks
        assert 0.0 <= view.progress_percentage <= 100.0
        assert (view.progress_percentage == 100.0) is (view.total_tasks > 0 and done * 2000 >= view.total_tasks * 1999)


class TestProjectView:
    def test_the_creators_name_is_part_of_what_is_tagged(self) -> None:
        project = a_project()
        assert ProjectView.of(project, creator_name="Ann").embedded == ("Ann",)
        assert ProjectView.of(project, creator_name=None).embedded == ("",)
