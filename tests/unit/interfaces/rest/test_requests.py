"""The id of a request, its entry in the log, and the headers of every answer."""

import logging
import re
import uuid

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.contextvars import get_contextvars

from digital_spiral.interfaces.rest.requests import request_id_of
from tests.unit.interfaces.rest.conftest import TENANT, TOKEN, Behind


def _entries(caplog: pytest.LogCaptureFixture, name: str) -> list[dict[str, object]]:
    return [record.__dict__ for record in caplog.records if record.message == name]


@pytest.mark.parametrize("sent", ["a", "A-b_c.9", "x" * 64])
async def test_a_well_formed_id_is_kept(client: httpx2.AsyncClient, sent: str) -> None:
    answer = await client.get("/health", headers={"X-Request-ID": sent})
    assert answer.headers.get_list("X-Request-ID") == [sent]


@pytest.mark.parametrize("sent", ["", "x" * 65, "a b", "ä", "a\tb", f"ds_{'0' * 32}_abcdefgh_{'A' * 43}"])
async def test_any_other_id_is_replaced(client: httpx2.AsyncClient, sent: str) -> None:
    answer = await client.get("/nothing", headers={b"X-Request-ID": sent.encode()})
    made = answer.headers["X-Request-ID"]
    assert uuid.UUID(hex=made).version == 4
    assert answer.json()["request_id"] == made


@given(st.binary(max_size=80))
def test_whatever_is_sent_the_id_is_safe_to_write_into_headers_and_logs(sent: bytes) -> None:
    made = request_id_of({"headers": [(b"x-request-id", sent)]})
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", made)


async def test_each_request_has_one_entry_and_is_observed_once(
    behind: Behind, client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        await client.get("/v1/issues/DEMO-1?instance_id=x")
    (entry,) = _entries(caplog, "request")
    assert (entry["method"], entry["route"], entry["status"]) == ("GET", "/v1/issues/{key}", 422)
    assert entry["duration_ms"] > 0  # type: ignore[operator]
    assert behind.observed == [("GET", "/v1/issues/{key}", 422)]


async def test_probes_that_succeed_have_no_entry_but_are_observed(
    behind: Behind, client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        await client.get("/health")
    assert _entries(caplog, "request") == []
    assert behind.observed == [("GET", "/health", 200)]


async def test_entries_within_a_request_carry_its_ids_and_later_ones_do_not(behind: Behind) -> None:
    seen: list[dict[str, object]] = []

    class Watching(Behind):
        async def use_case(self, *arguments: object) -> object:
            seen.append(get_contextvars())
            raise RuntimeError("it broke")

    async with Watching().client() as client:
        await client.get("/v1/instances", headers={"X-Request-ID": "abc"})
    assert seen == [{"request_id": "abc", "tenant_id": str(TENANT), "key": "abcdefgh"}]
    assert get_contextvars() == {}


async def test_a_fault_is_logged_once_with_its_trace_and_without_the_key(
    behind: Behind, client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    behind.answer = RuntimeError("it broke")
    await client.get("/v1/instances")
    (entry,) = _entries(caplog, "request_failed")
    assert entry["exc_info"]
    assert "it broke" in caplog.text
    assert TOKEN not in caplog.text


async def test_answers_are_not_sniffed_and_not_kept(behind: Behind, client: httpx2.AsyncClient) -> None:
    behind.answer = []
    for path, status, caching in (
        ("/v1/instances", 200, "private, no-cache"),
        ("/v1/nothing", 404, "no-store"),
        ("/health", 200, "no-store"),
        ("/openapi.json", 200, "no-store"),
    ):
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (status, caching)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in answer.headers
