"""`/health`, `/healthz`, `/metrics` and the document."""

import httpx2
import pytest

from digital_spiral.application.ports import ReadinessCheck
from tests.unit.interfaces.rest.conftest import METRICS_TOKEN, Behind


async def test_the_process_is_alive_and_says_its_version(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/health")).json() == {"status": "ok", "version": "1.2.3"}


@pytest.mark.parametrize("ready", [True, False])
async def test_one_check_that_fails_makes_it_not_ready(behind: Behind, client: httpx2.AsyncClient, ready: bool) -> None:
    behind.checks = [
        ReadinessCheck("database", True, "It answers."),
        ReadinessCheck("redis", ready, "It answers." if ready else "It does not answer."),
    ]
    answer = await client.get("/healthz")
    assert answer.status_code == (200 if ready else 503)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["ready"] is ready
    assert [check["ok"] for check in answer.json()["checks"]] == [True, ready]


async def test_metrics_are_open_without_a_token(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/metrics")
    assert (answer.status_code, answer.text) == (200, "up 1\n")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


async def test_metrics_ask_for_the_token_that_is_set(behind: Behind) -> None:
    behind.metrics_token = METRICS_TOKEN
    async with behind.client(token=None) as client:
        for sent in (None, "Bearer ", "Bearer another", METRICS_TOKEN, "Bearer \u00e4"):
            headers = {} if sent is None else {b"Authorization": sent.encode()}
            answer = await client.get("/metrics", headers=headers)
            assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
            assert METRICS_TOKEN not in answer.text
        headers = {b"Authorization": f"Bearer {METRICS_TOKEN}".encode()}
        assert (await client.get("/metrics", headers=headers)).status_code == 200


async def test_the_document_names_no_other_host(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/openapi.json")
    assert answer.status_code == 200
    assert "http" not in answer.text.replace('"type":"http"', "")
