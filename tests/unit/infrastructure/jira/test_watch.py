"""Metrics of requests to Jira name endpoints, not ids; and whoever watches is told of every try."""

import httpx2
import pytest

from digital_spiral.domain.entities.jira_instance import Credentials
from digital_spiral.domain.errors import Unavailable, UnreadableAnswer
from digital_spiral.infrastructure.external.jira.client import Budget, JiraClient
from digital_spiral.infrastructure.external.jira.failures import Patience
from digital_spiral.infrastructure.external.jira.watch import Watch, endpoint_of

QUICK = Patience(attempts=3, first=0.001, most=0.001, longest=5)


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/rest/api/3/search/jql", "/rest/api/3/search/jql"),
        ("/rest/api/3/search/approximate-count", "/rest/api/3/search/approximate-count"),
        ("/rest/api/3/issue/10001/worklog", "/rest/api/3/issue/{id}/worklog"),
        ("/rest/api/3/issue/DEMO-7/comment?startAt=0", "/rest/api/3/issue/{id}/comment"),
        ("/rest/api/3/project/DEMO", "/rest/api/3/project/{id}"),
        ("/rest/agile/1.0/board/3/sprint", "/rest/agile/1.0/board/{id}/sprint"),
        ("/rest/api/3/field/customfield_10020/context", "/rest/api/3/field/{id}/context"),
        ("/", "/"),
    ],
)
def test_ids_and_keys_are_left_out(path: str, endpoint: str) -> None:
    assert endpoint_of(path) == endpoint


async def test_every_try_and_every_wait_is_told() -> None:
    answers: list[httpx2.Response | Exception] = [
        httpx2.Response(500),
        httpx2.Response(429, headers={"Retry-After": "0"}),
        httpx2.Response(200, content=b"42"),
        httpx2.Response(200, content=b"not what was asked for"),
        httpx2.ConnectTimeout("no answer"),
        httpx2.Response(200, content=b"7"),
    ]

    def answer(request: httpx2.Request) -> httpx2.Response:
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def number(content: bytes) -> int:
        try:
            return int(content)
        except ValueError:
            raise UnreadableAnswer("no number") from None

    told: list[tuple[object, ...]] = []
    made: list[httpx2.AsyncClient] = []
    watch = Watch(
        answered=lambda endpoint, status, seconds: told.append((endpoint, status, 0 <= seconds < 5)),
        retried=lambda reason, seconds: told.append((reason, 0 <= seconds < 5)),
        instrument=made.append,
    )
    credentials = Credentials("pat@example.com", "token")
    transport = httpx2.MockTransport(answer)
    async with JiraClient(
        "https://acme.example", credentials, budget=Budget(2), patience=QUICK, transport=transport, watch=watch
    ) as client:
        assert await client.get("/rest/api/3/issue/1", number) == 42
        assert await client.get("/rest/api/3/myself", number) == 7
    issue, myself = "/rest/api/3/issue/{id}", "/rest/api/3/myself"
    assert told == [
        (issue, "500", True),
        ("server_error", True),
        (issue, "429", True),
        ("rate_limited", True),
        (issue, "200", True),
        (myself, "200", True),
        ("unreadable", True),
        (myself, "timeout", True),
        ("no_answer", True),
        (myself, "200", True),
    ]
    assert len(made) == 1


async def test_what_a_server_repeats_of_the_credentials_is_not_passed_on() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(500, json={"errorMessages": ["no pat@example.com with plain-word-token"]})

    client = JiraClient(
        "https://acme.example",
        Credentials("pat@example.com", "plain-word-token"),
        budget=Budget(1),
        patience=Patience(attempts=1),
        transport=httpx2.MockTransport(answer),
    )
    async with client:
        with pytest.raises(Unavailable, match=r"no \[redacted\] with \[redacted\]"):
            await client.get("/rest/api/3/myself", bytes)
