"""Every error ends as a problem, says what it may say, and nothing else."""

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from digital_spiral.domain import errors
from digital_spiral.domain.errors import (
    Conflict,
    Invalid,
    LeaseLost,
    Misconfigured,
    NotFound,
    RateLimited,
    SpiralError,
    Unauthenticated,
    Unavailable,
)
from digital_spiral.interfaces.rest.problems import KINDS, kind_of
from tests.unit.interfaces.rest.conftest import Behind

SECRET = "postgresql://role:password@db.example.com"


def _all_errors() -> Iterator[type[SpiralError]]:
    return (each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, SpiralError))


def test_every_error_has_a_row_and_those_for_callers_have_one_of_their_own() -> None:
    for cls in _all_errors():
        made = cls.__new__(cls)
        assert 400 <= kind_of(made).status <= 503
    assert {kind.status for kind in KINDS.values()} == {401, 403, 404, 409, 422, 500, 503}
    assert kind_of(LeaseLost()).code == "internal"


def test_a_kind_of_error_that_is_not_listed_is_answered_as_the_nearest_that_is() -> None:
    class NoSuchPage(NotFound):
        code = "no_such_page"

    assert kind_of(NoSuchPage()) is KINDS[NotFound]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotFound("There is no such site."), 404, "not_found"),
        (Conflict("A run is under way."), 409, "conflict"),
        (Invalid("The cursor is none of this list."), 422, "invalid"),
    ],
)
async def test_what_concerns_the_caller_is_said(
    behind: Behind, client: httpx2.AsyncClient, error: SpiralError, status: int, code: str
) -> None:
    behind.answer = error
    answer = await client.get("/v1/instances", headers={"X-Request-ID": "abc"})
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    title = KINDS[type(error)].title
    assert answer.json() == {
        "type": f"urn:digital-spiral:problem:{code}",
        "title": title,
        "status": status,
        "detail": str(error),
        "code": code,
        "request_id": "abc",
        "errors": [],
    }


@pytest.mark.parametrize(
    ("error", "code", "wait"),
    [
        (Unavailable(f"{SECRET} does not answer."), "unavailable", "5"),
        (Misconfigured(f"{SECRET} refused the role."), "misconfigured", "5"),
        (RateLimited(SECRET, 17.6), "rate_limited", "18"),
        (RateLimited(SECRET, 0.1), "rate_limited", "1"),
    ],
)
async def test_what_concerns_our_servers_goes_to_the_log(
    behind: Behind,
    client: httpx2.AsyncClient,
    caplog: pytest.LogCaptureFixture,
    error: SpiralError,
    code: str,
    wait: str,
) -> None:
    behind.answer = error
    answer = await client.get("/v1/instances")
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, code, wait)
    assert "db.example.com" not in answer.text
    entry = next(record for record in caplog.records if record.message == "request_failed")
    assert (entry.__dict__["code"], entry.__dict__["reason"]) == (code, str(error))


@pytest.mark.parametrize("error", [RuntimeError(SECRET), LeaseLost(SECRET), KeyError("x")])
async def test_what_nobody_foresaw_is_named_internal_and_not_shown(
    behind: Behind, client: httpx2.AsyncClient, error: Exception
) -> None:
    behind.answer = error
    answer = await client.get("/v1/instances")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.headers["X-Request-ID"] == answer.json()["request_id"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "db.example.com" not in answer.text
    assert behind.observed == [("GET", "/v1/instances", 500)]


async def test_a_missing_key_is_told_before_anything_else(behind: Behind) -> None:
    async with behind.client(token=None) as client:
        answer = await client.get("/v1/issues", params={"limit": "many"})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.json()["detail"] == str(Unauthenticated())
    assert behind.asked == []


async def test_a_missing_scope_is_named(behind: Behind, client: httpx2.AsyncClient) -> None:
    behind.scopes = frozenset()
    answer = await client.get("/v1/issues", params={"limit": "many"})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (403, 'Bearer error="insufficient_scope"')
    assert "issues:read" in answer.json()["detail"]
    assert behind.asked == []


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("limit=0", ["query.limit"]),
        ("limit=101", ["query.limit"]),
        ("limit=1.0", ["query.limit"]),
        ("limit=%2B1", ["query.limit"]),
        ("limit=01", ["query.limit"]),
        ("limit=1&limit=2", ["query.limit"]),
        ("limit=", ["query.limit"]),
        ("colour=red", ["query.colour"]),
        ("instance_id=6ba7b8109dad11d180b400c04fd430c8", ["query.instance_id"]),
        ("instance_id=urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8", ["query.instance_id"]),
        ("updated_from=1700000000", ["query.updated_from"]),
        ("updated_from=2026-01-01", ["query.updated_from"]),
        ("updated_from=2026-01-01T00:00:00", ["query.updated_from"]),
        ("updated_to=2026-02-30T00:00:00Z", ["query.updated_to"]),
        ("status_category=open", ["query.status_category.0"]),
        ("label=", ["query.label.0"]),
        ("label=a%00b", ["query.label.0"]),
        ("label=a&label=" + "b" * 256, ["query.label.1"]),
        ("&".join(["project=A"] * 51), ["query.project"]),
        ("sort=key", ["query.sort"]),
        ("cursor=" + "a" * 501, ["query.cursor"]),
        ("cursor=%2B", ["query.cursor"]),
        ("limit=x&sort=y&colour=red", ["query.limit", "query.sort", "query.colour"]),
        (f"{'ds_' + 'x' * 85}=1", ["query.(a name that is too long)"]),
    ],
)
async def test_a_query_is_taken_to_the_letter(
    behind: Behind, client: httpx2.AsyncClient, query: str, fields: list[str]
) -> None:
    answer = await client.get(f"/v1/issues?{query}")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "invalid")
    assert sorted(each["field"] for each in problem["errors"]) == sorted(fields)
    assert all(each["message"].endswith(".") for each in problem["errors"])
    assert behind.asked == []


@pytest.mark.parametrize(
    ("body", "content_type", "fields"),
    [
        (b'{"kind": "census"}', "application/json", ["body.kind"]),
        (b'{"kind": "backfill", "force": true}', "application/json", ["body.force"]),
        (b"{}", "application/json", ["body.kind"]),
        (b"[]", "application/json", ["body"]),
        (b"null", "application/json", ["body"]),
        (b"", "application/json", ["body"]),
        (b"{", "application/json", ["body"]),
        (b"\xff", "application/json", ["body"]),
        (b"[" * 60_000, "application/json", ["body"]),
        (b'{"kind": "backfill"}', "text/plain", ["body"]),
    ],
)
async def test_a_body_is_taken_to_the_letter(
    behind: Behind, client: httpx2.AsyncClient, body: bytes, content_type: str, fields: list[str]
) -> None:
    answer = await client.post(
        "/v1/instances/6ba7b810-9dad-11d1-80b4-00c04fd430c8/sync-runs",
        content=body,
        headers={"Content-Type": content_type},
    )
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "invalid")
    assert [each["field"] for each in problem["errors"]] == fields
    assert behind.asked == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/issues/demo-1", "path.key"),
        ("/v1/issues/DEMO-0", "path.key"),
        ("/v1/instances/1/sync-runs", "path.instance_id"),
    ],
)
async def test_a_path_is_taken_to_the_letter(client: httpx2.AsyncClient, path: str, field: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["errors"]] == [field]


async def test_unknown_addresses_and_methods(client: httpx2.AsyncClient, behind: Behind) -> None:
    for path in ("/", "/v1", "/v1/issues/", "/v1/nothing", "/docs", "/redoc"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    assert set(behind.observed) == {("GET", "", 404)}
    run = "/v1/instances/6ba7b810-9dad-11d1-80b4-00c04fd430c8/sync-runs"
    for path, allowed in ((run, "GET, POST"), ("/v1/issues", "GET"), ("/health", "GET"), ("/openapi.json", "GET")):
        answer = await client.delete(path)
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed"), path
        assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_that_is_too_large_is_not_read(
    behind: Behind, client: httpx2.AsyncClient, announced: bool
) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b" " * 1000

    answer = await client.post(
        "/v1/instances/6ba7b810-9dad-11d1-80b4-00c04fd430c8/sync-runs",
        content=b" " * 70_000 if announced else parts(),
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert behind.asked == []
