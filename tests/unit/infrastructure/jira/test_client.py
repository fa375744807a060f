import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx2
import pytest

from digital_spiral.domain.entities.jira_instance import Credentials
from digital_spiral.domain.errors import Invalid, RateLimited, SpiralError, Unauthorized, Unavailable, UnreadableAnswer
from digital_spiral.infrastructure.external.jira.client import Budget, JiraClient, Timeouts
from digital_spiral.infrastructure.external.jira.failures import Patience

EMAIL = "reader@example.com"
TOKEN = "token-that-nobody-may-see"
AT_ONCE = Patience(first=0.0)
Handler = Callable[[httpx2.Request], httpx2.Response]


def connect(handler: Handler, *, patience: Patience = AT_ONCE, budget: Budget | None = None) -> JiraClient:
    return JiraClient(
        "https://acme.example",
        Credentials(EMAIL, TOKEN),
        budget=budget or Budget(4),
        patience=patience,
        timeouts=Timeouts(connect=1),
        transport=httpx2.MockTransport(handler),
    )


def answering(*answers: httpx2.Response | Exception) -> Handler:
    left = iter(answers)

    def handler(_request: httpx2.Request) -> httpx2.Response:
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return handler


def text(body: bytes) -> str:
    if body == b"broken":
        raise UnreadableAnswer("the answer is broken")
    return body.decode()


async def test_credentials_go_with_every_request() -> None:
    seen: list[httpx2.Request] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, text="hello")

    async with connect(handler) as client:
        assert await client.get("/a", text, {"x": 1, "many": ["p", "q"]}) == "hello"
        assert await client.post("/b", text, {"question": 1}) == "hello"
        assert client.requests == 2
    assert str(seen[0].url) == "https://acme.example/a?x=1&many=p&many=q"
    assert base64.b64decode(seen[0].headers["authorization"].removeprefix("Basic ")) == f"{EMAIL}:{TOKEN}".encode()
    assert seen[1].content == b'{"question":1}'
    assert seen[1].headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "trouble",
    [httpx2.Response(503), httpx2.Response(429), httpx2.ConnectError("x"), httpx2.ReadTimeout("x")],
)
async def test_troubles_that_pass_are_waited_out_and_counted(trouble: httpx2.Response | Exception) -> None:
    async with connect(answering(trouble, trouble, trouble, httpx2.Response(200, text="at last"))) as client:
        assert await client.post("/a", text, {}) == "at last"
        assert client.requests == 4


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (httpx2.Response(503), Unavailable),
        (httpx2.Response(429), RateLimited),
        (httpx2.ConnectError("x"), Unavailable),
    ],
)
async def test_troubles_that_stay_are_raised_after_four_attempts(
    trouble: httpx2.Response | Exception, kind: type[SpiralError]
) -> None:
    async with connect(answering(*[trouble] * 4)) as client:
        with pytest.raises(kind, match=r"acme\.example"):
            await client.get("/a", text)
        assert client.requests == 4


async def test_a_refusal_is_not_repeated() -> None:
    async with connect(answering(httpx2.Response(401, json={}))) as client:
        with pytest.raises(Unauthorized):
            await client.get("/a", text)
        assert client.requests == 1


async def test_an_unreadable_answer_is_asked_for_once_more_where_insisted() -> None:
    broken, fine = httpx2.Response(200, text="broken"), httpx2.Response(200, text="fine")
    async with connect(answering(broken, fine, broken, broken, broken)) as client:
        assert await client.get("/a", text) == "fine"
        assert client.requests == 2
        with pytest.raises(UnreadableAnswer):
            await client.get("/a", text)
        assert client.requests == 4
        with pytest.raises(UnreadableAnswer):
            await client.get("/a", text, insist=False)
        assert client.requests == 5


async def test_a_longer_wait_than_patience_allows_ends_at_once() -> None:
    async with connect(answering(httpx2.Response(429, headers={"Retry-After": "3600"}))) as client:
        with pytest.raises(RateLimited) as caught:
            await client.get("/a", text)
        assert caught.value.retry_after == 3600
        assert client.requests == 1


async def test_retry_after_holds_back_every_request_of_the_instance() -> None:
    loop = asyncio.get_running_loop()
    moments: list[float] = []

    def handler(_request: httpx2.Request) -> httpx2.Response:
        moments.append(loop.time())
        first = len(moments) == 1
        return httpx2.Response(429, headers={"Retry-After": "0.2"}) if first else httpx2.Response(200, text="ok")

    budget = Budget(1)
    async with connect(handler, budget=budget) as one, connect(handler, budget=budget) as other:
        assert list(await asyncio.gather(one.get("/a", text), other.get("/b", text))) == ["ok", "ok"]
    assert len(moments) == 3
    assert moments[1] - moments[0] >= 0.19


async def test_no_more_requests_at_a_time_than_the_budget_has() -> None:
    running = most = 0

    class Slow(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, _request: httpx2.Request) -> httpx2.Response:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1
            return httpx2.Response(200, text="ok")

    client = JiraClient("https://acme.example", Credentials(EMAIL, TOKEN), budget=Budget(3), transport=Slow())
    async with client:
        assert await asyncio.gather(*(client.get("/a", text) for _ in range(12))) == ["ok"] * 12
    assert most == 3


async def test_a_cancelled_wait_gives_its_place_back() -> None:
    budget = Budget(1)
    budget.rest(0.05)
    async with connect(answering(httpx2.Response(200, text="ok")), budget=budget) as client:
        waiting = asyncio.ensure_future(client.get("/a", text))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert client.requests == 0
        assert await client.get("/a", text) == "ok"


async def test_redirects_are_not_followed() -> None:
    seen: list[str] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.url.host)
        return httpx2.Response(302, headers={"Location": "https://thief.example/a"})

    async with connect(handler) as client:
        with pytest.raises(Invalid, match=r"redirects to thief\.example"):
            await client.get("/a", text)
    assert seen == ["acme.example"]


@asynccontextmanager
async def failing(answer: httpx2.Response | Exception) -> AsyncIterator[SpiralError]:
    async with connect(answering(*[answer] * 4)) as client:
        with pytest.raises(SpiralError) as caught:
            await client.get("/a", text)
        yield caught.value


@pytest.mark.parametrize(
    "answer",
    [httpx2.Response(status) for status in (400, 401, 403, 404, 409, 410, 429, 500)]
    + [httpx2.ConnectError("no"), httpx2.ReadError("no")],
)
async def test_no_error_shows_the_account_or_its_token(answer: httpx2.Response | Exception) -> None:
    async with failing(answer) as error:
        shown = f"{error} {error!r} {error.__cause__!r}"
        assert EMAIL not in shown
        assert TOKEN not in shown
        assert base64.b64encode(f"{EMAIL}:{TOKEN}".encode()).decode() not in shown
