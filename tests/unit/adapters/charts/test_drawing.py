"""What a drawing holds, and what it does not."""

import asyncio
import re
from datetime import date, timedelta
from uuid import UUID
from xml.etree import ElementTree

import pytest

from adapters.charts import drawing
from adapters.charts.drawing import MOST_WAITING, PygalCharts, draw_burndown, draw_flow
from core.cycles.model import CycleStatus
from core.kernel.errors import Busy
from core.reports.read_models import BurndownDay, BurndownView, FlowDay, FlowView

FIRST = date(2026, 12, 28)
HOSTILE = '<script>alert(1)</script> & "quotes" ]]> é \U0001f600'
SVG = "{http://www.w3.org/2000/svg}"


def burndown(count: int, *, name: str = "Autumn", ends: bool = True) -> BurndownView:
    days = [
        BurndownDay(FIRST + timedelta(days=each), 20, each % 20, 20 - each % 20, 0, 0, 20.0 if ends else None)
        for each in range(count)
    ]
    return BurndownView(
        cycle_id=UUID(int=1),
        project_id=UUID(int=2),
        project_name="Website",
        name=name,
        number=1,
        status=CycleStatus.ACTIVE,
        starts_on=None,
        ends_on=FIRST + timedelta(days=count) if ends else None,
        scope_at_start=20,
        added=2,
        removed=1,
        carried_over=None,
        days=days,
    )


def flow(count: int, *, name: str = "Website") -> FlowView:
    days = [FlowDay(FIRST + timedelta(days=each), each, 2, each * 3) for each in range(count)]
    return FlowView(project_id=UUID(int=2), project_name=name, days=days)


def texts(drawing: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(drawing).iter(f"{SVG}text")]


DRAWINGS = [
    *(pytest.param(draw_burndown(burndown(count)), id=f"burndown of {count}") for count in (0, 1, 2, 14, 90, 366)),
    pytest.param(draw_burndown(burndown(9, ends=False)), id="burndown without an end"),
    pytest.param(draw_burndown(burndown(9, name=HOSTILE)), id="burndown of a hostile name"),
    *(pytest.param(draw_flow(flow(count)), id=f"flow of {count}") for count in (0, 1, 2, 14, 90, 366)),
    pytest.param(draw_flow(flow(9, name=HOSTILE)), id="flow of a hostile name"),
    pytest.param(draw_flow(flow(9, name="a\ufffe\uffff")), id="flow of a name that is no XML"),
]


class TestDrawings:
    @pytest.mark.parametrize("drawing", DRAWINGS)
    def test_they_hold_no_program_and_no_style_and_refer_to_nothing(self, drawing: str) -> None:
        root = ElementTree.fromstring(drawing)
        assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
            "svg", "g", "path", "rect", "circle", "text", "title", "desc",
        }  # fmt: skip
        for element in root.iter():
            for name, value in element.attrib.items():
                assert not name.startswith("on") and "href" not in name and name not in ("style", "class", "id"), name
                assert "url(" not in value and "//" not in value, value
        assert drawing.count("http") == 1, "the name of SVG itself"
        assert "<!" not in drawing

    def test_names_stand_as_they_are(self) -> None:
        for drawing in (draw_burndown(burndown(3, name=HOSTILE)), draw_flow(flow(3, name=HOSTILE))):
            assert any(HOSTILE in text for text in texts(drawing))
            assert "<script" not in drawing

    def test_a_long_name_is_cut(self) -> None:
        assert all(len(text) < 90 for text in texts(draw_flow(flow(3, name="long " * 40))))

    def test_what_is_drawn_is_told_to_those_who_do_not_see_it(self) -> None:
        root = ElementTree.fromstring(draw_burndown(burndown(3)))
        assert [(each.tag.removeprefix(SVG), each.text) for each in list(root)[:2]] == [
            ("title", "Burndown of Autumn in Website"),
            ("desc", "2 added and 1 removed after the start"),
        ]
        assert root.get("role") == "img"

    def test_the_axes_say_what_they_count(self) -> None:
        found = texts(draw_burndown(burndown(14)))
        assert {"Tasks at the end of the day", "28 Dec 2026 to 10 Jan 2027", "28 Dec", "30 Dec", "1 Jan"} <= set(found)
        assert {"0", "5", "10", "15", "20", "Scope", "Ideal", "Remaining"} <= set(found)
        assert {"Done", "In progress", "To do"} <= set(texts(draw_flow(flow(14))))

    @pytest.mark.parametrize("count", [1, 14, 60, 90, 200, 366])
    def test_no_more_days_are_named_than_there_is_room_for(self, count: int) -> None:
        months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
        named = [text for text in texts(draw_flow(flow(count))) if text[-3:] in months]
        assert 1 <= len(named) <= 12 and len(set(named)) == len(named)

    def test_where_there_is_nothing_that_is_said(self) -> None:
        assert "It has not started yet" in texts(draw_burndown(burndown(0)))
        assert "There were no tasks yet" in texts(draw_flow(flow(0)))

    async def test_the_same_figures_are_the_same_drawing(self) -> None:
        charts = PygalCharts()
        assert await charts.burndown(burndown(14)) == draw_burndown(burndown(14))
        assert await charts.flow(flow(14)) == draw_flow(flow(14))

    async def test_twenty_wait_and_whoever_comes_then_is_sent_away_until_one_is_drawn(self) -> None:
        charts = PygalCharts()
        asked = (charts.flow(flow(0)) for _ in range(MOST_WAITING + 5))
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(each, Busy) for each in found) == 5
        assert sum(isinstance(each, str) for each in found) == MOST_WAITING
        assert await charts.flow(flow(0)) == draw_flow(flow(0))

    @pytest.mark.parametrize("count", [1, 2, 14, 90])
    def test_what_is_drawn_faster_is_what_the_library_itself_would_draw(
        self, monkeypatch: pytest.MonkeyPatch, count: int
    ) -> None:
        faster = draw_burndown(burndown(count)), draw_flow(flow(count))
        monkeypatch.setattr(drawing, "_chart", lambda kind: getattr(drawing._pygal(), kind))
        assert (draw_burndown(burndown(count)), draw_flow(flow(count))) == faster

    @pytest.mark.parametrize("count", [2, 366])
    def test_the_ideal_line_is_straight_from_the_first_day_to_the_last(self, count: int) -> None:
        root = ElementTree.fromstring(draw_burndown(burndown(count)))
        lines = [each.get("d", "") for each in root.iter(f"{SVG}path") if each.get("stroke-dasharray")]
        measured = [each.get("d", "") for each in root.iter(f"{SVG}path") if each.get("stroke-width") == "3.0"]
        assert len(lines) == len(measured) == 1
        ends = [re.findall(r"[\d.]+", line) for line in (*lines, *measured)]
        assert len(ends[0]) == 4 and (ends[0][0], ends[0][2]) == (ends[1][0], ends[1][-2])
