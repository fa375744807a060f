"""Storing around what is refused, and the one error that a group of tasks ends with."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digital_spiral.application.use_cases.sync.run_session import StoreUnavailable, halved, task_group
from digital_spiral.domain.errors import Conflict, Invalid, LeaseLost, NotFound, Unavailable


@given(st.lists(st.integers(), unique=True, max_size=40), st.data())
def test_everything_but_the_refused_rows_is_stored_once_and_in_order(rows: list[int], data: st.DataObject) -> None:
    bad = data.draw(st.sets(st.sampled_from(rows), max_size=4)) if rows else set()
    stored: list[int] = []

    async def store(part: Sequence[int]) -> None:
        if bad.intersection(part):
            raise (Invalid if len(part) % 2 else Conflict)(f"{len(part)} refused")
        stored.extend(part)

    refused = asyncio.run(halved(rows, store))
    assert stored == [row for row in rows if row not in bad]
    assert refused == [(row, "1 refused") for row in rows if row in bad]


async def test_other_errors_are_not_taken_for_refusals() -> None:
    async def store(_rows: Sequence[int]) -> None:
        raise Unavailable("away")

    with pytest.raises(Unavailable):
        await halved([1, 2], store)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        ([NotFound("a"), StoreUnavailable("b"), LeaseLost("c")], LeaseLost),
        ([NotFound("a"), StoreUnavailable("b")], StoreUnavailable),
        ([NotFound("a"), Invalid("b")], NotFound),
    ],
)
async def test_the_weightiest_error_of_a_group_is_raised(raised: list[Exception], expected: type[Exception]) -> None:
    ready = asyncio.Event()

    async def fail(error: Exception) -> None:
        await ready.wait()
        raise error

    async def fail_together() -> None:
        async with task_group() as group:
            for error in raised:
                group.create_task(fail(error))
            ready.set()

    with pytest.raises(expected):
        await fail_together()


async def test_an_error_from_a_group_inside_a_group_is_raised_as_itself() -> None:
    async def inner() -> None:
        raise ExceptionGroup("inner", [ExceptionGroup("innermost", [NotFound("deep")])])

    with pytest.raises(NotFound, match="deep"):
        async with task_group() as group:
            group.create_task(inner())
