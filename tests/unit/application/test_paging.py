"""Cursors come back as the positions they were made of, and nothing else is taken for one."""

import base64
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digital_spiral.application.paging import Instant, Page, decode_cursor, encode_cursor, page_of
from digital_spiral.domain.errors import Invalid

Place = tuple[datetime, UUID, int]

INSTANTS = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9, minutes=-30))]))
PLACES = st.tuples(INSTANTS, st.uuids(), st.integers(-(2**63), 2**63 - 1))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def decoded(listing: str, text: str) -> Place:
    return decode_cursor(listing, text, tuple[Instant, UUID, int])


def cursor(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


@given(TEXTS, PLACES)
def test_a_position_comes_back(listing: str, place: Place) -> None:
    assert decoded(listing, encode_cursor(listing, place)) == place


@given(TEXTS)
def test_a_position_of_text_comes_back(key: str) -> None:
    assert decode_cursor("projects", encode_cursor("projects", (key,)), tuple[str]) == (key,)


@given(PLACES)
def test_a_cursor_can_stand_in_an_address_as_it_is(place: Place) -> None:
    assert encode_cursor("issues -updated", place).replace("-", "").replace("_", "").isalnum()


@given(TEXTS, TEXTS, PLACES)
def test_a_cursor_of_another_list_is_refused(listing: str, other: str, place: Place) -> None:
    if listing != other:
        with pytest.raises(Invalid, match="another list or order"):
            decoded(other, encode_cursor(listing, place))


@given(st.text() | st.binary().map(cursor) | st.binary().map(lambda tail: cursor(b'["issues",' + tail)))
def test_whatever_else_is_sent_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="Start again"):
        decoded("issues", text)


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b'"issues"',
        b'["issues"]',
        b'["issues",5,"00000000-0000-0000-0000-000000000001",1]',
        b'["issues","2026-03-29T12:00:00","00000000-0000-0000-0000-000000000001",1]',
        b'["issues","2026-03-29T12:00:00Z","00000000-0000-0000-0000-000000000001","1"]',
        b'["issues","2026-03-29T12:00:00Z","00000000-0000-0000-0000-000000000001",1,1]',
        b'["issues","2026-03-29T12:00:00Z",1]',
        b'["issues","20260-03-29T12:00:00Z","00000000-0000-0000-0000-000000000001",1]',
        b"[" * 100_000 + b"]" * 100_000,
    ],
)
def test_what_looks_like_a_cursor_and_is_none(content: bytes) -> None:
    with pytest.raises(Invalid, match="Start again"):
        decoded("issues", cursor(content))


@given(st.lists(st.integers(), unique=True), st.integers(1, 10))
def test_pages_hold_every_row_once_and_the_last_one_says_so(numbers: list[int], limit: int) -> None:
    rows = sorted(numbers)
    seen: list[int] = []
    following: str | None = None
    while True:
        after = None if following is None else decode_cursor("numbers", following, tuple[int])[0]
        found = [number for number in rows if after is None or number > after][: limit + 1]
        page = page_of(found, limit, "numbers", lambda number: (number,))
        assert len(page.items) == min(limit, len(rows) - len(seen))
        seen += page.items
        if page.next_cursor is None:
            break
        following = page.next_cursor
    assert seen == rows


def test_a_page_that_is_just_full_is_the_last() -> None:
    assert page_of([1, 2], 2, "numbers", lambda number: (number,)) == Page([1, 2], None)


def test_an_instant_keeps_its_microseconds() -> None:
    moment = datetime(2026, 3, 29, 12, 0, 0, 123456, tzinfo=UTC)
    assert decode_cursor("runs", encode_cursor("runs", (moment,)), tuple[Instant]) == (moment,)
