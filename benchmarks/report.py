"""The table, as Markdown."""

import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from benchmarks.measuring import Compared

BEGIN, END = "<!-- bench -->", "<!-- /bench -->"
_HEAD = (
    "| what | ratio (median) | min..max of rounds | target | ours req/s | reference req/s | p50 ms | p99 ms | p99/p50 |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


class Row(NamedTuple):
    """A line of the table. `is_met` None: there is no target."""

    what: str
    ratio: str
    spread: str
    target: str
    ours: str = ""
    theirs: str = ""
    p50: str = ""
    p99: str = ""
    tail: str = ""
    is_met: bool | None = None

    def __str__(self) -> str:
        ratio = f"**{self.ratio}**" if self.is_met is not False else f"**{self.ratio}** (missed)"
        return f"| {' | '.join((self.what, ratio, *self[2:9]))} |"


def compared_row(
    what: str, found: Compared, *, least: float | None, target: str, longest_tail: float | None = None
) -> Row:
    """The line of a comparison. `least` is met by the median of the rounds, `longest_tail` by p99/p50."""
    tail = found.p99 / found.p50
    met = None
    if least is not None:
        met = found.ratio >= least and (longest_tail is None or tail <= longest_tail)
    return Row(
        what,
        f"{found.ratio:.2f}",
        f"{min(found.ratios):.2f}..{max(found.ratios):.2f}",
        target,
        f"{found.ours:,.0f}",
        f"{found.theirs:,.0f}",
        f"{found.p50:.2f}",
        f"{found.p99:.2f}",
        f"{tail:.1f}",
        met,
    )


def table(rows: list[Row], notes: list[str]) -> str:
    """The whole block, without its marks."""
    return "\n".join((_HEAD, *map(str, rows), "", *(f"- {note}" for note in notes)))


def machine(postgres: str, command: str) -> list[str]:
    """Where and how it was measured."""
    return [
        f"Made by `{command}` on {datetime.now(UTC):%Y-%m-%d}: {_processor()}, Python {platform.python_version()}, "
        f"PostgreSQL {postgres}, Linux {platform.release()}."
    ]


def write(path: Path, block: str) -> None:
    """Puts the block between the marks of a file. Raises ValueError where there are none."""
    text = path.read_text(encoding="utf-8")
    before, begun, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (begun and ended):
        raise ValueError(f"{path} has no lines {BEGIN} and {END} to write between")
    path.write_text(f"{before}{BEGIN}\n{block}\n{END}{after}", encoding="utf-8")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
