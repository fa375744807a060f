"""How the cost of a copy is said to grow with the site."""

from pathlib import Path

import pytest

from benchmarks.backfill import Growth
from benchmarks.copies import Copy, Run
from benchmarks.product import generated


def run(issues: int, seconds: float, worker_mb: float = 200.0) -> Run:
    return Run(
        issues_done=issues,
        jira_requests=issues // 50,
        seconds=seconds,
        worker_peak_rss_mb=worker_mb,
        counts={"issues": {"created": issues, "updated": 2, "repaired": 1, "unchanged": 9, "gone": 3}},
    )


def copy(issues: int, seconds: float, worker_mb: float = 200.0) -> Copy:
    return Copy(
        dataset=generated(issues),
        home=Path("nowhere"),
        first=run(issues, seconds, worker_mb),
        emulator_mb=0,
        database_bytes=0,
    )


def test_a_run_counts_what_it_wrote() -> None:
    assert run(1000, 2.0).rows_written == 1006
    assert run(1000, 2.0).pace == 500
    assert run(1000, 2.0).requests_per_thousand == 20


def test_the_median_run_stands_for_the_small_site() -> None:
    smalls = [copy(5000, 9.0, 210), copy(5000, 5.0, 200), copy(5000, 4.0, 250)]
    growth = Growth([copy(1000, 1.0)], smalls, copy(100_000, 120.0, 231))
    assert growth.cost == pytest.approx(1.2)
    assert growth.memory == pytest.approx(231 / 210)


def test_a_fixed_part_does_not_flatter_the_marginal_cost() -> None:
    # One second whatever the size, 1 ms for each issue of a small site, 1.5 ms for each further one of a large one.
    growth = Growth([copy(1000, 2.0)], [copy(5000, 6.0)], copy(100_000, 6.0 + 95_000 * 0.0015))
    assert growth.cost == pytest.approx(148.5 / 100 / 1.2)
    assert growth.marginal_cost == pytest.approx(1.5)
    assert "about 1.00 s do not depend on the number of issues" in growth.explained()
