from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import httpx2
import pytest

from digital_spiral.domain.entities.issue import IssueRef
from digital_spiral.domain.errors import Invalid, UnreadableAnswer
from digital_spiral.infrastructure.external.jira.client import JiraClient
from digital_spiral.infrastructure.external.jira.search import issue_refs

PATH = "/rest/api/3/search/jql"
Json = dict[str, object]


class Scripted(Protocol):
    answers: dict[str, Callable[[httpx2.Request], httpx2.Response]]

    def bodies(self, path: str) -> list[Json]: ...
    def client(self) -> JiraClient: ...


def page(*ids: int, token: str | None = None, **more: object) -> httpx2.Response:
    body: Json = {"issues": [{"id": str(issue_id)} for issue_id in ids]} | more
    return httpx2.Response(200, json=body if token is None else body | {"nextPageToken": token})


EXPIRED = httpx2.Response(400, json={"errorMessages": ["The provided next page token is invalid or expired."]})


async def refs(
    script: Scripted, *pages: httpx2.Response, after: int = 0, updated: bool = False
) -> list[list[IssueRef]]:
    left = iter(pages)
    script.answers[PATH] = lambda _: next(left)
    async with script.client() as client:
        return [found async for found in issue_refs(client, 10_000, after=after, with_updated=updated)]


async def test_short_and_empty_pages_are_not_the_end(script: Scripted) -> None:
    found = await refs(script, page(5, token="a"), page(token="b"), page(7, 9, isLast=True), after=4)
    assert [[ref.jira_id for ref in each] for each in found] == [[5], [7, 9]]
    bodies = script.bodies(PATH)
    assert bodies[0] == {
        "jql": "project = 10000 AND id > 4 ORDER BY id ASC",
        "maxResults": 5000,
        "fields": ["id"],
    }
    assert [body.get("nextPageToken") for body in bodies] == [None, "a", "b"]
    assert len({body["jql"] for body in bodies}) == 1


async def test_updated_is_read_where_asked_and_nonsense_counts_as_unknown(script: Scripted) -> None:
    hits = [
        {"id": "1", "fields": {"updated": "2026-03-01T12:00:00.000+0100"}},
        {"id": "2", "fields": {"updated": "2026-03-01T12:00:00 Europe/Prague"}},
        {"id": "3"},
    ]
    [found] = await refs(script, httpx2.Response(200, json={"issues": hits, "isLast": True}), updated=True)
    assert found == [IssueRef(1, datetime(2026, 3, 1, 11, tzinfo=UTC)), IssueRef(2), IssueRef(3)]
    assert script.bodies(PATH)[0]["fields"] == ["updated"]


async def test_an_expired_token_goes_on_behind_the_last_id(script: Scripted) -> None:
    found = await refs(script, page(5, 6, token="a"), EXPIRED, page(7, token="b"), EXPIRED, page(8, isLast=True))
    assert [ref.jira_id for each in found for ref in each] == [5, 6, 7, 8]
    assert [str(body["jql"])[20:26] for body in script.bodies(PATH)] == [
        "id > 0",
        "id > 0",
        "id > 6",
        "id > 6",
        "id > 7",
    ]


async def test_a_refusal_without_progress_is_raised(script: Scripted) -> None:
    with pytest.raises(Invalid, match="invalid or expired"):
        await refs(script, page(token="a"), EXPIRED)
    with pytest.raises(Invalid):
        await refs(script, EXPIRED)


async def test_repeated_ids_are_dropped(script: Scripted) -> None:
    found = await refs(script, page(5, 6, token="a"), page(6, 7, isLast=True))
    assert [[ref.jira_id for ref in each] for each in found] == [[5, 6], [7]]


@pytest.mark.parametrize(
    "pages",
    [
        [page(5, 6, token="a"), page(5, 6, token="b")],
        [page(5, token="a"), page(6, token="a")],
        [page(6, 5, isLast=True)],
    ],
)
async def test_loops_and_wrong_order_are_refused(pages: list[httpx2.Response], script: Scripted) -> None:
    with pytest.raises(UnreadableAnswer):
        await refs(script, *pages)


async def test_the_last_page_ends_even_with_a_token(script: Scripted) -> None:
    assert len(await refs(script, page(5, token="a", isLast=True))) == 1
