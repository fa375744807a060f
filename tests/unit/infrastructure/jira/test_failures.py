import socket
import ssl
from datetime import UTC, datetime

import httpx2
import pytest

from digital_spiral.domain.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    SpiralError,
    Unauthorized,
    Unavailable,
)
from digital_spiral.infrastructure.external.jira.failures import (
    Patience,
    Retry,
    answer_failure,
    requested_wait,
    transport_failure,
)

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def answer(status: int, body: object = None, **headers: str) -> httpx2.Response:
    request = httpx2.Request("GET", "https://acme.example/rest/api/3/myself")
    return httpx2.Response(status, json=body, headers=headers, request=request)


def test_waits_double_up_to_a_cap_and_spread() -> None:
    steady = Patience(jitter=(1.0, 1.0))
    assert [steady.wait(attempt) for attempt in (1, 2, 3, 4, 5, 6)] == [2, 4, 8, 16, 30, 30]
    waits = [Patience().wait(1) for _ in range(200)]
    assert 1.4 <= min(waits) < 1.7
    assert 2.3 < max(waits) <= 2.6


def test_what_jira_asks_for_is_a_lower_bound() -> None:
    steady = Patience(jitter=(1.0, 1.0))
    assert steady.wait(1, 7.5) == 7.5
    assert steady.wait(3, 0.5) == 8


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "12"}, 12.0),
        ({"Retry-After": "-3"}, 0.0),
        ({"Retry-After": "Sun, 01 Nov 2026 12:00:09 GMT"}, None),
        ({"Retry-After": "1", "X-RateLimit-Reset": "2026-11-01T13:00:00Z"}, 1.0),
        ({"X-RateLimit-Reset": "2026-11-01T12:00:30Z"}, 30.0),
        ({"X-RateLimit-Reset": "2026-11-01T12:01"}, 60.0),
        ({"X-RateLimit-Reset": "2026-11-01T11:00:00Z"}, 0.0),
        ({"X-RateLimit-Reset": "soon"}, None),
    ],
)
def test_the_wait_of_an_answer(headers: dict[str, str], seconds: float | None) -> None:
    assert requested_wait(httpx2.Headers(headers), NOW) == seconds


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (400, Invalid, "did not accept GET /x"),
        (401, Unauthorized, "API token"),
        (403, Forbidden, "administrator"),
        (404, NotFound, "not found"),
        (409, Conflict, "conflict"),
        (410, Unavailable, "no longer offers GET /x"),
        (415, Invalid, "415"),
    ],
)
def test_refusals_are_final_and_say_what_jira_said(status: int, kind: type[SpiralError], words: str) -> None:
    failure = answer_failure(answer(status, {"errorMessages": ["In Jira's words."], "errors": {"f": "g"}}), "GET /x")
    assert type(failure) is kind
    assert words in str(failure)
    assert "acme.example" in str(failure)
    assert status == 401 or "In Jira's words. f: g" in str(failure)


def test_a_captcha_is_named() -> None:
    refused = answer(401, **{"X-Seraph-LoginReason": "AUTHENTICATION_DENIED"})
    assert "CAPTCHA" in str(answer_failure(refused, "GET /x"))


def test_the_routers_words_are_used_and_html_is_not() -> None:
    assert "No endpoint" in str(answer_failure(answer(404, {"detail": "No endpoint GET /x."}), "GET /x"))
    page = httpx2.Response(400, html="<html>secret</html>", request=httpx2.Request("GET", "https://acme.example"))
    assert "secret" not in str(answer_failure(page, "GET /x"))


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_server_in_trouble_is_worth_another_try(status: int) -> None:
    failure = answer_failure(answer(status, **{"Retry-After": "3"}), "GET /x")
    assert isinstance(failure, Retry)
    assert isinstance(failure.error, Unavailable)
    assert failure.asked == 3.0
    assert str(status) in str(failure.error)


def test_a_limit_names_the_wait() -> None:
    failure = answer_failure(answer(429, **{"Retry-After": "30"}), "GET /x")
    assert isinstance(failure, Retry)
    assert isinstance(failure.error, RateLimited)
    assert failure.error.retry_after == failure.asked == 30.0
    without = answer_failure(answer(429), "GET /x")
    assert isinstance(without, Retry)
    assert without.asked is None


def caused(error: httpx2.RequestError, cause: BaseException) -> httpx2.RequestError:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words", "final"),
    [
        (caused(httpx2.ConnectError("x"), ssl.SSLCertVerificationError("bad")), "certificate", True),
        (caused(httpx2.ConnectError("x"), ssl.SSLEOFError("bad")), "TLS", False),
        (httpx2.UnsupportedProtocol("x"), "https://", True),
        (caused(httpx2.ConnectError("x"), ExceptionGroup("g", [socket.gaierror(-2, "unknown")])), "resolved", False),
        (httpx2.ProxyError("x"), "proxy", False),
        (httpx2.ConnectTimeout("x"), "in time", False),
        (httpx2.ConnectError("x"), "No connection", False),
        (httpx2.RemoteProtocolError("x"), "broke", False),
        (httpx2.DecodingError("x"), "broke", False),
    ],
)
def test_what_happens_on_the_way_is_named(error: httpx2.RequestError, words: str, final: bool) -> None:
    failure = transport_failure(error, "acme.example")
    assert isinstance(failure, Retry) is not final
    assert words in str(failure)
    assert final or "acme.example" in str(failure)
