import json
from collections.abc import Callable, Iterable
from typing import Protocol

import httpx2
import pytest

from digital_spiral.application.ports import IssuePage
from digital_spiral.domain.errors import Unavailable
from digital_spiral.infrastructure.external.jira.client import JiraClient
from digital_spiral.infrastructure.external.jira.gateway import JiraGateway

BODIES = "/rest/api/3/issue/bulkfetch"
HISTORIES = "/rest/api/3/changelog/bulkfetch"
Json = dict[str, object]
Answer = Callable[[httpx2.Request], httpx2.Response]


class Scripted(Protocol):
    answers: dict[str, Answer]

    def bodies(self, path: str) -> list[Json]: ...
    def client(self) -> JiraClient: ...


class MakeIssue(Protocol):
    def __call__(self, issue_id: int = ..., /, **fields: object) -> Json: ...


class Site:
    """Issues with the ids below, and what is wrong with some of them."""

    def __init__(self, script: Scripted, make_issue: MakeIssue, ids: Iterable[int]) -> None:
        self.issues = {issue_id: json.dumps(make_issue(issue_id)).encode() for issue_id in ids}
        self.breaking: set[int] = set()
        self.silent: set[int] = set()
        self.healing = 0
        self.histories: dict[int, list[Json]] = {}
        self.breaking_histories: set[int] = set()
        script.answers[BODIES] = self.bodies
        script.answers[HISTORIES] = self.changelogs

    def bodies(self, request: httpx2.Request) -> httpx2.Response:
        ids = [int(each) for each in json.loads(request.content)["issueIdsOrKeys"]]
        if self.breaking & set(ids):
            self.healing -= 1
            if self.healing == 0:
                self.breaking = set()
            return httpx2.Response(200, content=b'{"issues":[{"id":"1')
        texts = [self.issues[each] for each in ids if each in self.issues]
        errors = [
            {"id": str(each), "errorMessage": "Issue does not exist."}
            for each in ids
            if each not in self.issues and each not in self.silent
        ]
        return httpx2.Response(
            200, content=b'{"issues":[%b],"issueErrors":%b}' % (b",".join(texts), json.dumps(errors).encode())
        )

    def changelogs(self, request: httpx2.Request) -> httpx2.Response:
        ids = [int(each) for each in json.loads(request.content)["issueIdsOrKeys"]]
        if self.breaking_histories & set(ids):
            return httpx2.Response(200, content=b"<html>")
        logs = [
            {"issueId": str(each), "changeHistories": self.histories[each]} for each in ids if each in self.histories
        ]
        return httpx2.Response(200, json={"issueChangeLogs": logs})


@pytest.fixture
def make_site(script: Scripted, make_issue: MakeIssue) -> Callable[[Iterable[int]], Site]:
    return lambda ids: Site(script, make_issue, ids)


MakeSite = Callable[[Iterable[int]], Site]


def outcome(page: IssuePage) -> tuple[list[int], list[int], list[int]]:
    return (
        [bundle.issue.jira_id for bundle in page.bundles],
        page.missing,
        [issue_id for issue_id, _ in page.unreadable],
    )


def history(history_id: int) -> Json:
    items = [{"field": "status", "fieldtype": "jira", "to": "3", "toString": "Done"}]
    return {"id": str(history_id), "created": "2026-03-01T12:00:00.000+0100", "items": items}


async def test_a_thousand_issues_take_eleven_requests(
    make_site: MakeSite, gateway: JiraGateway, script: Scripted
) -> None:
    ids = range(10_001, 11_001)
    make_site(ids)
    await gateway.custom_fields()
    before = gateway.requests
    page = await gateway.issues([*ids, *ids])
    assert outcome(page) == (list(ids), [], [])
    assert gateway.requests - before == 11
    assert {len(set(map(str, body["issueIdsOrKeys"]))) for body in script.bodies(BODIES)} == {100}  # type: ignore[call-overload]


async def test_no_ids_need_no_request(make_site: MakeSite, gateway: JiraGateway) -> None:
    make_site([])
    await gateway.custom_fields()
    assert outcome(await gateway.issues([])) == ([], [], [])
    assert gateway.requests == 1


async def test_broken_pages_are_halved_until_the_broken_ids_are_named(
    make_site: MakeSite, gateway: JiraGateway
) -> None:
    site = make_site(range(10_001, 10_101))
    site.breaking = {10_007, 10_080}
    page = await gateway.issues(range(10_001, 10_101))
    assert len(page.bundles) == 98
    assert [(issue_id, skip.what) for issue_id, skip in page.unreadable] == [
        (10_007, "issue 10007"),
        (10_080, "issue 10080"),
    ]
    assert all("not the JSON" in skip.reason for _, skip in page.unreadable)


async def test_a_page_that_breaks_once_is_simply_asked_for_again(
    make_site: MakeSite, gateway: JiraGateway, script: Scripted
) -> None:
    site = make_site(range(10_001, 10_011))
    site.breaking, site.healing = {10_003}, 1
    assert len((await gateway.issues(range(10_001, 10_011))).bundles) == 10
    assert len(script.bodies(BODIES)) == 2


async def test_a_bad_issue_is_named_and_the_others_arrive(
    make_site: MakeSite, gateway: JiraGateway, script: Scripted, make_issue: MakeIssue
) -> None:
    site = make_site(range(10_001, 10_006))
    site.issues[10_002] = b'{"id":"10002","key":"DEMO-2"}'
    strange = make_issue(10_003, updated="2026-03-01T12:00:00.000 Europe/Prague")
    site.issues[10_003] = json.dumps(strange).encode()
    site.issues[10_004] = site.issues[10_004].replace(b"invoice", b"\xff\xfe")
    page = await gateway.issues(range(10_001, 10_006))
    assert outcome(page) == ([10_001, 10_005], [], [10_002, 10_003, 10_004])
    skips = dict(page.unreadable)
    assert skips[10_002].what == "issue 10002 (DEMO-2)"
    assert "no fields" in skips[10_002].reason
    assert "Europe/Prague" in skips[10_003].reason
    assert "utf-8" in skips[10_004].reason
    assert len(script.bodies(BODIES)) == 1


async def test_an_issue_that_cannot_even_be_named_is_found_by_asking_for_it_alone(
    make_site: MakeSite, gateway: JiraGateway
) -> None:
    site = make_site(range(10_001, 10_004))
    site.issues[10_002] = b'{"key":"DEMO-2","fields":{}}'
    page = await gateway.issues(range(10_001, 10_004))
    assert outcome(page) == ([10_001, 10_003], [], [10_002])
    assert dict(page.unreadable)[10_002].what == "issue 10002"


async def test_ids_that_jira_passes_over_are_asked_for_alone_before_they_count_as_missing(
    make_site: MakeSite, gateway: JiraGateway, script: Scripted
) -> None:
    site = make_site([10_001])
    site.silent = {10_003}
    assert outcome(await gateway.issues([10_003, 10_001, 10_002])) == ([10_001], [10_003, 10_002], [])
    assert [body["issueIdsOrKeys"] for body in script.bodies(BODIES)] == [["10003", "10001", "10002"], ["10003"]]


async def test_histories_split_over_pages_are_put_together(
    make_site: MakeSite, gateway: JiraGateway, script: Scripted
) -> None:
    make_site([10_001, 10_002])
    pages = {
        None: {
            "issueChangeLogs": [{"issueId": "10001", "changeHistories": [history(1), history(3)]}],
            "nextPageToken": "a",
        },
        "a": {
            "issueChangeLogs": [
                {"issueId": "10001", "changeHistories": [history(2)]},
                {"issueId": "10002", "changeHistories": [history(4)]},
            ]
        },
    }
    script.answers[HISTORIES] = lambda request: httpx2.Response(
        200, json=pages[json.loads(request.content).get("nextPageToken")]
    )
    first, second = (await gateway.issues([10_001, 10_002])).bundles
    assert [change.jira_id for change in first.changes] == [1, 2, 3]
    assert [change.jira_id for change in second.changes] == [4]


async def test_history_pages_that_go_round_make_their_issue_unreadable(
    make_site: MakeSite, gateway: JiraGateway, script: Scripted
) -> None:
    make_site([10_001])
    script.answers[HISTORIES] = lambda _: httpx2.Response(200, json={"nextPageToken": "again"})
    [(issue_id, skip)] = (await gateway.issues([10_001])).unreadable
    assert (issue_id, skip.what) == (10_001, "issue 10001 (DEMO-1)")
    assert "circles" in skip.reason


async def test_a_broken_history_names_its_issue(make_site: MakeSite, gateway: JiraGateway) -> None:
    site = make_site([10_001, 10_002, 10_003])
    site.histories = {10_002: [history(1)], 10_003: [history(2) | {"created": "at noon"}]}
    site.breaking_histories = {10_001}
    page = await gateway.issues([10_001, 10_002, 10_003])
    assert outcome(page) == ([10_002], [], [10_001, 10_003])
    assert "at noon" in dict(page.unreadable)[10_003].reason


async def test_a_broken_history_of_a_missing_issue_does_not_matter(make_site: MakeSite, gateway: JiraGateway) -> None:
    site = make_site([10_001])
    site.breaking_histories = {10_009}
    assert outcome(await gateway.issues([10_001, 10_009])) == ([10_001], [10_009], [])


CommentMaker = Callable[..., Json]


def _cut(make_issue: MakeIssue, make_comment: CommentMaker, total: int) -> bytes:
    page = {"comments": [make_comment(1)], "total": total, "startAt": 0}
    return json.dumps(make_issue(10_001, comment=page)).encode()


async def test_cut_comments_are_read_page_by_page(
    make_site: MakeSite, gateway: JiraGateway, script: Scripted, make_issue: MakeIssue, make_comment: CommentMaker
) -> None:
    site = make_site([10_001])
    site.issues[10_001] = _cut(make_issue, make_comment, 3)
    comments = [make_comment(each, f"text {each}") for each in (1, 2, 3)]

    def pages(request: httpx2.Request) -> httpx2.Response:
        start = int(request.url.params["startAt"])
        return httpx2.Response(200, json={"comments": comments[start : start + 2], "total": 3, "startAt": start})

    script.answers["/rest/api/3/issue/10001/comment"] = pages
    [bundle] = (await gateway.issues([10_001])).bundles
    assert [one.jira_id for one in bundle.comments] == [1, 2, 3]
    assert len(script.bodies("/rest/api/3/issue/10001/comment")) == 2


async def test_an_embedded_total_that_is_too_high_is_not_believed(
    make_site: MakeSite, gateway: JiraGateway, script: Scripted, make_issue: MakeIssue, make_comment: CommentMaker
) -> None:
    site = make_site([10_001])
    site.issues[10_001] = _cut(make_issue, make_comment, 40)
    path = "/rest/api/3/issue/10001/comment"
    script.answers[path] = lambda _: httpx2.Response(200, json={"comments": [make_comment(1)], "total": 1})
    [bundle] = (await gateway.issues([10_001])).bundles
    assert [one.jira_id for one in bundle.comments] == [1]
    assert len(script.bodies(path)) == 1
    script.answers[path] = lambda _: httpx2.Response(200, json={"comments": [make_comment(1)], "total": 40})
    [bundle] = (await gateway.issues([10_001])).bundles
    assert [one.jira_id for one in bundle.comments] == [1]


async def test_an_issue_that_vanishes_before_its_comments_are_read_is_missing(
    make_site: MakeSite, gateway: JiraGateway, make_issue: MakeIssue, make_comment: CommentMaker
) -> None:
    site = make_site([10_001])
    site.issues[10_001] = _cut(make_issue, make_comment, 3)
    assert outcome(await gateway.issues([10_001])) == ([], [10_001], [])


async def test_unreadable_comments_make_their_issue_unreadable(
    make_site: MakeSite, gateway: JiraGateway, script: Scripted, make_issue: MakeIssue, make_comment: CommentMaker
) -> None:
    site = make_site([10_001])
    site.issues[10_001] = _cut(make_issue, make_comment, 3)
    broken = make_comment(1) | {"created": "never"}
    script.answers["/rest/api/3/issue/10001/comment"] = lambda _: httpx2.Response(
        200, json={"comments": [broken], "total": 1}
    )
    page = await gateway.issues([10_001])
    assert outcome(page) == ([], [], [10_001])
    assert "never" in dict(page.unreadable)[10_001].reason


async def test_a_site_that_is_down_is_an_error_and_not_a_skip(
    make_site: MakeSite, gateway: JiraGateway, script: Scripted
) -> None:
    make_site([10_001])
    script.answers[HISTORIES] = lambda _: httpx2.Response(503)
    with pytest.raises(Unavailable):
        await gateway.issues([10_001])
