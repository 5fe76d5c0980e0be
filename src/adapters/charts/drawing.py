"""Charts as SVG documents: laid out by pygal, and then made plain.

What pygal writes is for a page of its own: a style sheet, a program, its settings, the date. Here each shape gets its
looks as attributes of its own, and nothing else is left: a browser that runs no program and loads no style, as the
server's Content-Security-Policy has it, shows the same as any other program, and equal figures are equal bytes.
"""

import asyncio
import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import cache
from typing import Any, Final, NamedTuple, TypeVar
from xml.etree import ElementTree as ET

from core.kernel.errors import Busy
from core.reports.read_models import BurndownView, FlowView

View = TypeVar("View")

WIDTH, HEIGHT = 960, 480
MOST_WAITING: Final = 20
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
_INK, _SOFT, _GRID, _PAPER = "#1f2933", "#52606d", "#d9dee4", "#ffffff"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MOST_TICKS: Final = 12
_LONGEST_NAME: Final = 60
_DOTS_UP_TO: Final = 45
_NO_XML: Final = {0xFFFE: 0xFFFD, 0xFFFF: 0xFFFD}


class _Series(NamedTuple):
    """One line or area: its name in the legend, its colour, and the stroke of the line."""

    name: str
    color: str
    values: Sequence[float | None]
    width: float = 2.0
    dashes: str | None = None


class PygalCharts:
    """Draws in a thread of its own, so that nobody waits for a chart who did not ask for it. One chart at a time:
    several threads would share one processor, and each would take memory. So that nobody waits for long, only so many
    wait; whoever comes then is told to come again.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="charts")
        self._asked = 0

    async def burndown(self, burndown: BurndownView) -> str:
        return await self._apart(draw_burndown, burndown)

    async def flow(self, flow: FlowView) -> str:
        return await self._apart(draw_flow, flow)

    async def _apart(self, draw: Callable[[View], str], view: View) -> str:
        if self._asked >= MOST_WAITING:
            raise Busy
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, draw, view)
        finally:
            self._asked -= 1


def draw_burndown(burndown: BurndownView) -> str:
    """What remains, from the start to the end, beside the ideal line and the scope."""
    days = burndown.days
    series = [
        _Series("Scope", "#9aa5b1", [day.scope for day in days]),
        _Series("Remaining", "#1467c8", [day.remaining for day in days], width=3.0),
    ]
    if burndown.ends_on is not None:
        ideal = _straight([day.ideal for day in days])
        series.insert(1, _Series("Ideal", "#c2620e", ideal, width=1.5, dashes="7 5"))
    told = f"{burndown.added} added and {burndown.removed} removed after the start" if days else ""
    if burndown.carried_over is not None:
        told += f", {burndown.carried_over} carried over"
    title = f"Burndown of {_short(burndown.name)} in {_short(burndown.project_name)}"
    return _drawn(
        "Line", title=title, told=told, days=[day.day for day in days], series=series, nothing="It has not started yet"
    )


def draw_flow(flow: FlowView) -> str:
    """How many tasks stood where: what is done below, what is to do above."""
    days = flow.days
    series = [
        _Series("Done", "#2f8f5b", [day.done for day in days]),
        _Series("In progress", "#e0a526", [day.in_progress for day in days]),
        _Series("To do", "#5b8bd0", [day.todo for day in days]),
    ]
    title = f"Flow of {_short(flow.project_name)}"
    told = "tasks by status, one above the other"
    # Of a single day there is no area.
    kind = "StackedLine" if len(days) > 1 else "StackedBar"
    return _drawn(
        kind, title=title, told=told, days=[day.day for day in days], series=series, nothing="There were no tasks yet"
    )


def _drawn(kind: str, *, title: str, told: str, days: list[date], series: list[_Series], nothing: str) -> str:
    areas = kind != "Line"
    # Without days there is nothing that a legend could tell.
    series = series if days else []
    chart = _chart(kind)(
        width=WIDTH,
        height=HEIGHT,
        no_prefix=True,
        js=[],
        fill=areas,
        show_dots=not areas and len(days) <= _DOTS_UP_TO,
        dots_size=3,
        legend_at_bottom=True,
        legend_at_bottom_columns=len(series) or None,
        show_minor_x_labels=False,
        truncate_label=-1,
        show_y_labels=bool(days),
        x_title=_span(days),
        y_title="Tasks at the end of the day" if days else None,
        margin=24,
        margin_top=52,
    )
    chart.x_labels = [_written(day) for day in days]
    chart.x_labels_major = [_written(day) for day in _ticks(days)]
    if days:
        highest = _highest(series, stacked=areas)
        step = _step(highest)
        top = -(-highest // step) * step
        chart.y_labels = list(range(0, top + step, step))
        chart.range = (0, top)
    for each in series:
        chart.add(each.name, list(each.values))
    root = chart.render_tree()
    _make_plain(root, series, areas=areas)
    _entitle(root, title, told)
    if not days:
        _write(root, nothing, x=WIDTH // 2, y=HEIGHT // 2, text_anchor="middle", font_size="20", fill=_SOFT)
    return ET.tostring(root, encoding="unicode")


@cache
def _pygal() -> Any:
    # Not imported with the others: a server that draws nothing does without its 2 MB, and starts 60 ms earlier.
    pygal = importlib.import_module("pygal")
    # It would look for maps among all that is imported later, in a way that Python warns of.
    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != pygal.__name__]
    return pygal


@cache
def _chart(kind: str) -> Any:
    """A kind of chart of pygal's that draws the same in half the time.

    While one is drawn, pygal keeps a state that goes before its own attributes, and asks for it several times for each
    of them, 23,000 times for 366 days; and it writes a style sheet and a program, which are not wanted.
    """
    base = getattr(_pygal(), kind)
    own = object.__getattribute__

    def draw(self: Any) -> None:
        base._draw(self)  # noqa: SLF001  (after it, what is not wanted would be written)
        self.svg.add_styles = self.svg.add_scripts = lambda: None

    def found(self: Any, name: str) -> Any:
        state = own(self, "__dict__").get("state")
        if state is not None and name != "state" and not name.startswith("__"):
            held = state.__dict__
            if name in held:
                return held[name]
        return own(self, name)

    return type(kind, (base,), {"__getattribute__": found, "_draw": draw})


# Days and heights


def _straight(values: Sequence[float | None]) -> list[float | None]:
    """A straight line by its two ends."""
    return [value if place in (0, len(values) - 1) else None for place, value in enumerate(values)]


def _short(name: str) -> str:
    # Text may hold what no XML does.
    name = " ".join(name.translate(_NO_XML).split())
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _written(day: date) -> str:
    # With the year, so that no two of a chart are written alike; it is cut off where the axis shows it.
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def _span(days: list[date]) -> str:
    if not days:
        return ""
    return f"{_written(days[0])} to {_written(days[-1])}" if len(days) > 1 else _written(days[0])


def _ticks(days: list[date]) -> list[date]:
    """The days that are named on the axis: the first and every so many after it, so that they do not touch."""
    step = max(-(-len(days) // _MOST_TICKS), 1)
    if step > 3:
        step = -(-step // 7) * 7
    return days[::step]


def _highest(series: list[_Series], *, stacked: bool) -> int:
    columns = zip(*(each.values for each in series), strict=True)
    heights = [[value for value in column if value is not None] for column in columns]
    return max(1, *(int(-(-(sum(each) if stacked else max(each, default=0)) // 1)) for each in heights))


def _step(highest: int) -> int:
    """Whole tasks between two lines of the grid: 1, 2 or 5 times a power of ten, at most eight of them."""
    steps = (each * int(10**size) for size in range(10) for each in (1, 2, 5))
    return next(step for step in steps if highest / step <= 8)


# Looks


def _make_plain(root: Any, series: list[_Series], *, areas: bool) -> None:
    for definitions in list(root):
        if definitions.tag in ("defs", "title") or not isinstance(definitions.tag, str):
            root.remove(definitions)
    for parent in list(root.iter()):
        for child in list(parent):
            if _is_of_no_use(child):
                parent.remove(child)
    for group, names in _classed(root):
        colors = [each for each in names if each.startswith("color-")]
        if "series" in names:
            _look_of_series(group, series[int(colors[0].removeprefix("color-"))], areas=areas)
        elif "legends" in names:
            _look_of_legend(group, series)
        elif "axis" in names:
            _look_of_axis(group, is_x="x" in names)
    for element, names in _classed(root):
        if element.tag == "rect" and "background" in names:
            element.set("fill", _PAPER)
        elif "title" in names and element.tag == "text":
            _set(element, fill=_SOFT, text_anchor="middle", font_size="13")
    for element in root.iter():
        for name in ("class", "id", "style"):
            element.attrib.pop(name, None)
    _set(root, role="img", font_family=_FONT, width=str(WIDTH), height=str(HEIGHT))


def _classed(root: Any) -> Iterator[tuple[Any, list[str]]]:
    for element in root.iter():
        names = (element.get("class") or "").split()
        if names:
            yield element, names


def _is_of_no_use(element: Any) -> bool:
    """Programs' own: comments, what appears when a pointer is near, and groups without anything in them."""
    if not isinstance(element.tag, str) or element.tag in ("title", "desc", "script", "style"):
        return True
    names = (element.get("class") or "").split()
    return bool({"tooltip-overlay", "text-overlay"} & set(names)) or "showable" in names


def _look_of_series(group: Any, series: _Series, *, areas: bool) -> None:
    for element in group.iter():
        if element.tag in ("path", "rect"):
            look = {"fill": series.color if areas else "none", "stroke": series.color}
            _set(element, **look, stroke_width=str(1 if areas else series.width), stroke_linejoin="round")
            if areas:
                element.set("fill-opacity", "0.85")
            if series.dashes is not None:
                element.set("stroke-dasharray", series.dashes)
        elif element.tag == "circle":
            # A line that is dashed has no dots: it is no measurement.
            _set(element, fill=series.color if series.dashes is None else "none", stroke="none")


def _look_of_legend(group: Any, series: list[_Series]) -> None:
    for each, entry in zip(series, group, strict=True):
        for element in entry:
            _set(element, **({"fill": each.color} if element.tag == "rect" else {"fill": _INK, "font_size": "13"}))


def _look_of_axis(group: Any, *, is_x: bool) -> None:
    for element in group.iter():
        if element.tag == "path":
            names = (element.get("class") or "").split()
            is_axis = "guide" not in names and not is_x
            # Days are marked below the axis, and have no lines of their own.
            _set(element, fill="none", stroke=_SOFT if is_axis else _GRID, stroke_width="1")
            if is_x:
                element.set("stroke", "none")
        elif element.tag == "text":
            _set(element, fill=_SOFT, font_size="12", text_anchor="middle" if is_x else "end")
            if is_x and element.text:
                element.text = element.text.rpartition(" ")[0]


def _entitle(root: Any, title: str, told: str) -> None:
    """A title for eyes and one for those who have it read to them."""
    for place, (name, text) in enumerate((("title", title), ("desc", told))):
        element = ET.Element(name)
        element.text = text
        root.insert(place, element)
    _write(root, title, x=24, y=28, font_size="17", font_weight="600", fill=_INK)
    _write(root, told, x=24, y=47, font_size="12", fill=_SOFT)


def _write(root: Any, text: str, *, x: int, y: int, **look: str) -> None:
    element = ET.SubElement(root, "text", {"x": str(x), "y": str(y)})
    _set(element, **look)
    element.text = text


def _set(element: Any, **look: str) -> None:
    for name, value in look.items():
        element.set(name.replace("_", "-"), value)
