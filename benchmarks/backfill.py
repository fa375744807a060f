"""Whole sites copied end to end, by the commands a user would type: pace, requests, memory, disk, and how they grow."""

from statistics import median

import msgspec

from benchmarks.copies import Copies, Copy, Run
from benchmarks.product import generated
from benchmarks.report import Goal, Section, Table, at_most, below

REPETITIONS = 3
"""First copies of the small sites; each is short, so the median of several stands for it."""

TINY = 1000
"""The exceptional issues of the generator have their full size from here on (`jira_emulator.generate.tails`)."""


def section(copies: Copies) -> Section:
    """Copy a small, a middle and a large site; the small ones several times, before and after the large one."""
    small, tiny = copies.small, generated(TINY if not copies.quick else 200)
    repetitions = 1 if copies.quick else REPETITIONS
    first_small, tinies = copies.of(small), [copies.once_more(tiny)]
    middle, large = copies.of(copies.medium), copies.of(copies.large)
    smalls = [first_small, *(copies.once_more(small) for _ in range(repetitions - 1))]
    tinies += [copies.once_more(tiny) for _ in range(repetitions - 1)]
    growth = Growth(tinies, smalls, large)
    return Section(
        name="backfill",
        tables=[_first_copies(tinies, smalls, middle, large), _repeats(first_small, middle, large)],
        goals=[
            at_most(f"cost per issue, {_short(large)} to {_short(first_small)}", growth.cost, 1.2, " x", 2),
            at_most(f"worker memory, {_short(large)} to {_short(first_small)}", growth.memory, 1.15, " x", 2),
            below("worker memory, largest", max(_worker(copy) for copy in (*smalls, middle, large)), 300, " MB"),
            *(_complete(copy) for copy in (first_small, middle, large)),
        ],
        notes=[growth.explained()],
        data={
            "growth": {"cost": growth.cost, "marginal_cost": growth.marginal_cost, "memory": growth.memory},
            "copies": [_kept(copy) for copy in (*tinies, *smalls, middle, large)],
        },
    )


class Growth:
    """How cost and memory of a copy grow with the site.

    A generated site of any size holds the same few exceptional issues (a text of 3 MB, 5,000 comments on one issue,
    2,000 histories on another), and each run asks the same questions about the site itself. That fixed part weighs
    more on a small site and flatters the ratio of the costs per issue. The marginal cost, between two sizes, is free
    of it.
    """

    def __init__(self, tinies: list[Copy], smalls: list[Copy], large: Copy) -> None:
        self._tiny, self._small = (_middle_run(copies) for copies in (tinies, smalls))
        self._large = large.first
        self.cost = _cost(self._large) / _cost(self._small)
        self.memory = _worker(large) / median(_worker(copy) for copy in smalls)
        self.small_marginal = _slope(self._tiny, self._small)
        self.large_marginal = _slope(self._small, self._large)
        self.marginal_cost = self.large_marginal / self.small_marginal

    def explained(self) -> str:
        """The ratio with and without the fixed part, in words."""
        fixed = self._small.seconds - self._small.issues_done * self.small_marginal
        return (
            f"Cost per issue: {_cost(self._small):.3f} ms at {self._small.issues_done:,}, {_cost(self._large):.3f} ms "
            f"at {self._large.issues_done:,} issues, ratio {self.cost:.2f}. Of the small run's "
            f"{self._small.seconds:.2f} s about {fixed:.2f} s do not depend on the number of issues. Without that "
            f"part, each further issue costs {self.small_marginal * 1000:.3f} ms between {self._tiny.issues_done:,} "
            f"and {self._small.issues_done:,}, and {self.large_marginal * 1000:.3f} ms between "
            f"{self._small.issues_done:,} and {self._large.issues_done:,}: ratio {self.marginal_cost:.2f}."
        )


def _middle_run(copies: list[Copy]) -> Run:
    """The run of median duration."""
    return sorted((copy.first for copy in copies), key=lambda run: run.seconds)[len(copies) // 2]


def _cost(run: Run) -> float:
    """Milliseconds per issue."""
    return 1000 * run.seconds / run.issues_done


def _slope(small: Run, large: Run) -> float:
    """Seconds for each issue that the larger run has more."""
    return (large.seconds - small.seconds) / (large.issues_done - small.issues_done)


def _worker(copy: Copy) -> float:
    return copy.first.worker_peak_rss_mb


def _short(copy: Copy) -> str:
    return f"{copy.first.issues_done:,}"


def _complete(copy: Copy) -> Goal:
    """The census has to find nothing."""
    if copy.census is None:
        raise RuntimeError(f"no census was taken of {copy.name}")
    share = copy.census.match_percent
    things = f"{share:g} % of {copy.census.compared:,}"
    return Goal(f"census, {copy.name}", "100 %", things, share == 100)


def _first_copies(tinies: list[Copy], smalls: list[Copy], middle: Copy, large: Copy) -> Table:
    return Table(
        title="First copy",
        head=(
            "Issues",
            "Runs",
            "Seconds",
            "Issues/s",
            "ms/issue",
            "Requests",
            "per 1,000",
            "Worker MB",
            "Emulator MB",
            "Database MB",
            "kB/issue",
        ),
        rows=[_first_row(copies) for copies in (tinies, smalls, [middle], [large])],
    )


def _first_row(copies: list[Copy]) -> list[str]:
    copy, run = copies[0], _middle_run(copies)
    size = median(each.database_bytes for each in copies)
    return [
        copy.name,
        str(len(copies)),
        f"{run.seconds:.2f}",
        f"{run.pace:,.0f}",
        f"{_cost(run):.3f}",
        f"{run.jira_requests:,}",
        f"{run.requests_per_thousand:.1f}",
        f"{median(_worker(each) for each in copies):.0f}",
        f"{median(each.emulator_mb for each in copies):,.0f}",
        f"{size / 1e6:,.0f}",
        f"{size / run.issues_done / 1e3:.1f}",
    ]


def _repeats(*copies: Copy) -> Table:
    return Table(
        title="Second backfill (nothing has changed), and census",
        head=("Issues", "Seconds", "Requests", "Rows written", "Census, s", "Things compared", "Match"),
        rows=[_repeat_row(copy) for copy in copies],
    )


def _repeat_row(copy: Copy) -> list[str]:
    second, census = copy.second, copy.census
    if second is None or census is None:
        raise RuntimeError(f"{copy.name} was copied only once")
    return [
        copy.name,
        f"{second.seconds:.2f}",
        f"{second.jira_requests:,}",
        f"{second.rows_written:,}",
        f"{census.seconds:.1f}",
        f"{census.compared:,}",
        f"{census.match_percent:g} %",
    ]


def _kept(copy: Copy) -> dict[str, object]:
    """A copy as the JSON file keeps it."""
    return {
        "dataset": copy.name,
        "first": msgspec.to_builtins(copy.first),
        "second": msgspec.to_builtins(copy.second),
        "census": msgspec.to_builtins(copy.census),
        "emulator_mb": copy.emulator_mb,
        "database_bytes": copy.database_bytes,
    }
