"""How far a project is copied without a gap."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digital_spiral.application.use_cases.sync.checkpoint import Checkpoint


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 9)), min_size=1, max_size=8), st.randoms())
def test_position_never_passes_an_open_segment_and_counts_each_id_once(
    steps: list[tuple[int, int]], order: Random
) -> None:
    checkpoint = Checkpoint(100)
    last, segments = 100, []
    for step, listed in steps:
        last += step
        segments.append(checkpoint.open(last, listed))
    closing = segments[:]
    order.shuffle(closing)
    passed = 0
    for number, segment in enumerate(closing, start=1):
        passed += checkpoint.close(segment)
        closed = closing[:number]
        gapless = [each for i, each in enumerate(segments) if all(earlier in closed for earlier in segments[: i + 1])]
        assert checkpoint.position == (gapless[-1].last if gapless else 100)
        assert passed == sum(each.listed for each in gapless)
    assert checkpoint.position == last


@pytest.mark.parametrize("last", [100, 99])
def test_segments_out_of_order_are_refused(last: int) -> None:
    checkpoint = Checkpoint(50)
    segment = checkpoint.open(100, 1)
    with pytest.raises(ValueError, match="ascending"):
        checkpoint.open(last, 1)
    checkpoint.close(segment)
    with pytest.raises(ValueError, match="ascending"):
        checkpoint.open(last, 1)
