"""When something that has ended is started again, and when it is given up."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digital_spiral.interfaces.cli.supervisor import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    REFUSED_STARTS,
    SETTLED_SECONDS,
    STARTED_SECONDS,
    Restarts,
    described,
)

KILLED = -9
REFUSED = 1


def test_pauses_double_up_to_the_longest() -> None:
    restarts = Restarts()
    pauses = [restarts.pause_after(KILLED, 0.1) for _ in range(8)]
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]


def test_the_pause_is_short_again_after_a_while() -> None:
    restarts = Restarts()
    for _ in range(5):
        restarts.pause_after(KILLED, 0.1)
    assert restarts.pause_after(KILLED, SETTLED_SECONDS) == FIRST_PAUSE_SECONDS
    assert restarts.pause_after(KILLED, 0.1) == 2 * FIRST_PAUSE_SECONDS


def test_what_refuses_to_start_is_given_up() -> None:
    restarts = Restarts()
    answers = [restarts.pause_after(REFUSED, 1.0) for _ in range(REFUSED_STARTS)]
    assert None not in answers[:-1]
    assert answers[-1] is None


def test_a_slow_refusal_is_a_refusal() -> None:
    restarts = Restarts()
    answers = [restarts.pause_after(REFUSED, STARTED_SECONDS / 2) for _ in range(REFUSED_STARTS)]
    assert answers[-1] is None


def test_a_death_between_refusals_begins_the_count_anew() -> None:
    restarts = Restarts()
    for status in [REFUSED] * (REFUSED_STARTS - 1) + [KILLED] + [REFUSED] * (REFUSED_STARTS - 1):
        assert restarts.pause_after(status, 0.5) is not None


def test_what_once_ran_well_is_never_given_up() -> None:
    restarts = Restarts()
    restarts.pause_after(REFUSED, STARTED_SECONDS)
    assert all(restarts.pause_after(REFUSED, 0.5) is not None for _ in range(10 * REFUSED_STARTS))


@given(st.lists(st.tuples(st.sampled_from([0, KILLED]), st.floats(0, 1e6))))
def test_every_other_end_is_followed_by_a_start_within_bounds(ends: list[tuple[int, float]]) -> None:
    restarts = Restarts()
    for status, ran in ends:
        pause = restarts.pause_after(status, ran)
        assert pause is not None
        assert FIRST_PAUSE_SECONDS <= pause <= LONGEST_PAUSE_SECONDS
        assert math.isfinite(pause)


@pytest.mark.parametrize(
    ("status", "words"), [(1, "status 1"), (-9, "killed by SIGKILL"), (-40, "killed by signal 40")]
)
def test_a_status_in_words(status: int, words: str) -> None:
    assert described(status) == words
