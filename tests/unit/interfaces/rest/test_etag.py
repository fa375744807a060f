"""Entity tags."""

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digital_spiral.application.paging import Page
from digital_spiral.domain.errors import NotFound
from digital_spiral.interfaces.rest.etag import etag_of, matches
from tests.unit.interfaces.rest.conftest import Behind

ETAG = etag_of(b"body")


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_tags_are_well_formed_and_equal_for_equal_bytes_only(one: bytes, other: bytes) -> None:
    assert (etag_of(one) == etag_of(other)) == (one == other)
    assert etag_of(one)[0] == etag_of(one)[-1] == '"'
    assert etag_of(one)[1:-1].isalnum()


@pytest.mark.parametrize(
    "condition",
    [
        ETAG,
        f"W/{ETAG}",
        f'"another", {ETAG}',
        f'{ETAG},"another"',
        f'W/"another" ,\tW/{ETAG} , "third"',
        f'"with,comma",{ETAG}',
        f",, {ETAG} ,",
        "*",
        " * ",
    ],
)
def test_conditions_that_name_it(condition: str) -> None:
    assert matches(condition, ETAG)


@pytest.mark.parametrize("condition", ['"another"', ETAG.strip('"'), 'W/"another"', '"', "", "**", ETAG[:-1], '""'])
def test_conditions_that_do_not(condition: str) -> None:
    assert not matches(condition, ETAG)


@given(st.text(max_size=100))
def test_no_condition_fails(condition: str) -> None:
    assert matches(condition, ETAG) in (True, False)


async def test_who_has_the_answer_is_not_sent_it_again(behind: Behind, client: httpx2.AsyncClient) -> None:
    behind.answer = Page([], None)
    first = await client.get("/v1/issues")
    assert first.status_code == 200
    assert first.headers["ETag"] == etag_of(first.content)
    for condition in (first.headers["ETag"], f"W/{first.headers['ETag']}", '"other", *'.replace(", *", ""), "*"):
        again = await client.get("/v1/issues", headers={"If-None-Match": condition})
        assert again.headers["ETag"] == first.headers["ETag"]
        assert again.headers["Cache-Control"] == "private, no-cache"
        assert again.headers["X-Request-ID"]
        if condition == '"other"':
            assert (again.status_code, again.content) == (200, first.content)
        else:
            assert (again.status_code, again.content) == (304, b"")


async def test_several_lines_are_one_list(behind: Behind, client: httpx2.AsyncClient) -> None:
    behind.answer = Page([], None)
    etag = (await client.get("/v1/issues")).headers["ETag"]
    lines = [("If-None-Match", '"another"'), ("If-None-Match", etag)]
    assert (await client.get("/v1/issues", headers=lines)).status_code == 304


async def test_errors_have_no_tag_and_no_condition_hides_them(behind: Behind, client: httpx2.AsyncClient) -> None:
    behind.answer = NotFound("There is no such issue.")
    answer = await client.get("/v1/issues/DEMO-1", headers={"If-None-Match": "*"})
    assert answer.status_code == 404
    assert "ETag" not in answer.headers
