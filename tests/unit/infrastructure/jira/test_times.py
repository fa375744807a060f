from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digital_spiral.domain.errors import UnreadableAnswer
from digital_spiral.infrastructure.external.jira.times import day_or_none, instant, instant_or_none

MOMENT = datetime(2026, 9, 27, 8, 3, 11, 123_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-09-27T10:03:11.123+0200",
        "2026-09-27T10:03:11.123+02:00",
        "2026-09-27T08:03:11.123Z",
        "2026-09-27T03:33:11.123-0430",
        int(MOMENT.timestamp() * 1000),
    ],
)
def test_every_spelling_of_an_instant(text: str | int) -> None:
    assert instant(text) == MOMENT
    assert instant(text).tzinfo is UTC


def test_an_instant_without_a_fraction() -> None:
    assert instant("2026-09-27T10:03:11+0200") == MOMENT.replace(microsecond=0)


@pytest.mark.parametrize(
    "text",
    [
        "2026-09-27T10:03:11.123+9900",
        "2026-09-27T10:03:11.123 Europe/Prague",
        "2026-09-27T10:03:11.123",
        "2026-09-27",
        "0001-01-01T00:00:00.000+0200",
        "yesterday",
        10**20,
    ],
)
def test_nonsense_is_refused_by_name(text: str | int) -> None:
    with pytest.raises(UnreadableAnswer, match=str(text)[:10]):
        instant(text)


@given(
    st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1)),
    st.integers(min_value=-14 * 60, max_value=14 * 60),
)
def test_jiras_own_form_comes_back(local: datetime, minutes: int) -> None:
    local = local.replace(microsecond=local.microsecond // 1000 * 1000, tzinfo=timezone(timedelta(minutes=minutes)))
    text = f"{local:%Y-%m-%dT%H:%M:%S}.{local.microsecond // 1000:03d}{local:%z}"
    assert instant(text) == local


def test_absent_instants_and_days() -> None:
    assert instant_or_none(None) is None
    assert instant_or_none("") is None
    assert instant_or_none(0) == datetime(1970, 1, 1, tzinfo=UTC)
    assert day_or_none(None) is None
    assert day_or_none("2026-02-28") == date(2026, 2, 28)
    with pytest.raises(UnreadableAnswer, match="2026-02-31"):
        day_or_none("2026-02-31")
