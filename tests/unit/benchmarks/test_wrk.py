"""What is read out of wrk's results: latencies by kind, bad answers, percentiles."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import wrk

SUMMARY = "summary\t4\t2000000\t0\t0\t0\t0\n"


def test_latencies_are_kept_by_kind() -> None:
    load = wrk.parse(["issue\t200\t1500\n", "list\t200\t9000\n", "issue\t304\t800\n", "issue\t200\t700\n", SUMMARY])
    assert load.latencies == {"issue": [1500, 800, 700], "list": [9000]}
    assert sorted(load.all_latencies) == [700, 800, 1500, 9000]
    assert load.rate == 2.0
    load.demand_good()


def test_answers_other_than_200_and_304_fail() -> None:
    load = wrk.parse(["issue\t200\t1\n", "issue\t500\t1\n", "list\t503\t1\n", "list\t500\t1\n", SUMMARY])
    assert load.statuses == Counter({500: 2, 503: 1})
    with pytest.raises(RuntimeError, match="500: 2"):
        load.demand_good()


def test_a_broken_connection_fails() -> None:
    load = wrk.parse(["issue\t200\t1\n", "summary\t4\t2000000\t0\t3\t0\t1\n"])
    assert load.errors == Counter({"read": 3, "timeout": 1})
    with pytest.raises(RuntimeError, match="read"):
        load.demand_good()


def test_results_without_a_summary_are_refused() -> None:
    with pytest.raises(ValueError, match="summary"):
        wrk.parse(["issue\t200\t1500\n"])


@pytest.mark.parametrize(
    ("share", "expected"), [(0, 1), (1, 1), (50, 50), (94.5, 95), (95, 95), (99, 99), (99.1, 100), (100, 100)]
)
def test_percentile_is_the_nearest_rank(share: float, expected: int) -> None:
    assert wrk.percentile(range(100, 0, -1), share) == expected


@given(st.lists(st.integers(0, 10**7), min_size=1), st.floats(1, 100))
def test_at_least_that_share_is_at_or_below_a_percentile(values: list[int], share: float) -> None:
    point = wrk.percentile(values, share)
    assert point in values
    assert sum(value <= point for value in values) >= len(values) * share / 100 - 1e-6


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        wrk.percentile([], 50)


def test_a_row_shows_milliseconds() -> None:
    assert wrk.latency_row("list", [1000, 2000, 30_000]) == ["list", "3", "2.0", "30.0", "30.0", "30.0"]
