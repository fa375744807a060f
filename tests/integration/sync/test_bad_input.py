"""What Jira or the database will not take is named, and everything else arrives."""

import re
from collections.abc import Callable
from typing import Any

import httpx2
import msgspec
import pytest

from digital_spiral.application.ports import Jira
from digital_spiral.domain.entities.sync import RunState, SyncRun
from digital_spiral.domain.errors import (
    Forbidden,
    Invalid,
    Misconfigured,
    NotFound,
    RateLimited,
    SpiralError,
    Unauthorized,
    Unavailable,
    UnreadableAnswer,
)
from digital_spiral.infrastructure.external.jira.open import jira_opener
from tests.integration.sync.conftest import KEY, QUICK, Copy
from tests.integration.sync.meddling import jira_with, refusing, refusing_issue


def issues_named(run: SyncRun) -> list[int]:
    """Ids of the issues among the skips; the worklogs of an issue that is not copied are named as well."""
    found = (re.match(r"issue (\d+)\b", skip["what"]) for skip in run.skips)
    return sorted(int(match[1]) for match in found if match)


FAULTS = ["broken-json", "no-fields", "strange-zone"]


@pytest.mark.parametrize("kind", FAULTS)
async def test_unreadable_issues_are_named_and_all_others_arrive(copy: Copy, kind: str) -> None:
    broken = sorted(copy.site.issues)[3:120:40]
    await copy.control("POST", "break", {"issues": broken, "kind": kind})
    run = await copy.backfill()
    assert run.state is RunState.SUCCEEDED
    assert issues_named(run) == broken
    assert run.skipped == len(run.skips)
    assert run.issues_fetched == len(copy.site.issues) - len(broken)
    assert run.issues_done == run.issues_total == len(copy.site.issues)
    await copy.control("DELETE", "break")
    healed = await copy.backfill()
    assert (healed.skips, healed.issues_fetched) == ([], len(broken))
    assert (await copy.census()).match_percent == 100.0


async def test_an_issue_that_the_search_lists_but_jira_does_not_show_is_named(copy: Copy) -> None:
    hidden = min(copy.site.issues)

    async def hiding(jira: Jira, ids: list[int]) -> object:
        page = await jira.issues(ids)
        page.bundles[:] = [bundle for bundle in page.bundles if bundle.issue.jira_id != hidden]
        if hidden in ids:
            page.missing.append(hidden)
        return page

    run = await copy.backfill(open_jira=jira_with(copy.open_jira, issues=hiding))
    assert run.state is RunState.SUCCEEDED
    assert [skip["what"] for skip in run.skips if skip["what"].startswith("issue")] == [f"issue {hidden}"]
    assert run.issues_done == len(copy.site.issues)


async def test_an_issue_that_the_database_refuses_is_named_and_all_others_arrive(copy: Copy) -> None:
    poison = sorted(copy.site.issues)[7]
    run = await copy.backfill(open_uow=refusing_issue(copy.open_uow, poison))
    assert run.state is RunState.SUCCEEDED
    key = copy.site.issues[poison].key
    assert [skip for skip in run.skips if skip["what"].startswith("issue")] == [
        {"what": f"issue {key}", "reason": "a value is out of range"}
    ]
    assert (await copy.totals())["issues"] == len(copy.site.issues) - 1
    assert run.issues_done == run.issues_fetched == len(copy.site.issues)
    again = await copy.backfill()
    assert (again.skips, again.issues_fetched) == ([], 1)
    assert (await copy.census()).match_percent == 100.0


async def test_a_value_beyond_the_columns_reach_is_refused_by_the_real_database(copy: Copy) -> None:
    issue = copy.site.issues[min(copy.site.issues)]
    fields = msgspec.json.decode(issue.fields)
    author = fields["creator"]
    fields["attachment"] = [
        {
            "self": "http://emulator.invalid/rest/api/3/attachment/1",
            "id": "900001",
            "filename": "huge.bin",
            "author": author,
            "created": fields["created"],
            "size": 2**64,
            "mimeType": "application/octet-stream",
            "content": "http://emulator.invalid/1",
        }
    ]
    issue.fields = msgspec.json.encode(fields)
    run = await copy.backfill()
    assert run.state is RunState.SUCCEEDED
    named = [skip["what"] for skip in run.skips if skip["what"].startswith("issue")]
    assert named in ([f"issue {issue.key}"], [f"issue {issue.id}"])
    assert (await copy.totals())["issues"] == len(copy.site.issues) - 1


REFUSALS: list[tuple[str, SpiralError, set[str]]] = [
    ("project_parts", Forbidden("no"), {f"components and versions of {key}" for key in ("DEMO", "OPS", "SUP")}),
    ("project_parts", NotFound("no"), {f"components and versions of {key}" for key in ("DEMO", "OPS", "SUP")}),
    ("changed_since", Invalid("no"), {f"issues of project {key}" for key in ("DEMO", "OPS", "SUP")}),
    ("users", Forbidden("no"), {"users"}),
    ("statuses", UnreadableAnswer("no"), {"statuses"}),
    ("boards", UnreadableAnswer("no"), {"boards"}),
    ("worklogs_updated", UnreadableAnswer("no"), {"the feed of worklogs"}),
    ("worklogs_deleted", Forbidden("no"), {"the feed of worklogs"}),
]


@pytest.mark.parametrize(("method", "error", "named"), REFUSALS, ids=[case[0] for case in REFUSALS])
async def test_a_list_that_jira_refuses_is_named_and_buries_nothing(
    copied: Copy, method: str, error: SpiralError, named: set[str]
) -> None:
    before = await copied.totals()
    run = await copied.backfill(open_jira=jira_with(copied.open_jira, **{method: refusing(error)}))
    assert run.state is RunState.SUCCEEDED
    assert {skip["what"] for skip in run.skips} == named
    assert await copied.totals() == before


async def test_one_refused_part_of_a_list_buries_nothing_of_the_other_parts(copied: Copy) -> None:
    refused = min(copied.site.boards)
    before = await copied.totals()

    async def sprints(jira: Jira, board: Any) -> object:  # noqa: ANN401
        if board.jira_id == refused:
            raise UnreadableAnswer("no JSON")
        return await jira.sprints(board)

    run = await copied.backfill(open_jira=jira_with(copied.open_jira, sprints=sprints))
    assert [skip["what"] for skip in run.skips] == [f"sprints of board {refused}"]
    assert await copied.totals() == before


ENDS: list[tuple[str, SpiralError]] = [
    ("projects", Unauthorized("Jira refused the token.")),
    ("custom_fields", UnreadableAnswer("Jira's list of fields is no JSON.")),
    ("issues", Unavailable("Jira answers 503.")),
    ("issues", RateLimited("Jira asks to wait an hour.", 3600.0)),
    ("worklogs_updated", Unavailable("Jira answers 502.")),
    ("sprints", Unauthorized("Jira refused the token.")),
]


@pytest.mark.parametrize(("method", "error"), ENDS, ids=[f"{method}-{error.code}" for method, error in ENDS])
async def test_what_the_whole_run_depends_on_ends_it_with_the_reason(
    copy: Copy, method: str, error: SpiralError
) -> None:
    run = await copy.backfill(open_jira=jira_with(copy.open_jira, **{method: refusing(error)}))
    assert (run.state, run.error) == (RunState.FAILED, str(error))
    assert run.finished_at is not None
    assert run.requests > 0 or method == "projects"
    again = await copy.backfill()
    assert again.state is RunState.SUCCEEDED
    assert (await copy.census()).match_percent == 100.0


async def test_credentials_that_cannot_be_decrypted_end_the_run(copy: Copy) -> None:
    def unreadable(_instance: object) -> object:
        raise Misconfigured("The master key is another one.")

    run = await copy.backfill(open_jira=unreadable)
    assert (run.state, run.error, run.requests) == (RunState.FAILED, "The master key is another one.", 0)


Answer = Callable[[httpx2.Request], httpx2.Response]


def gone(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("All connection attempts failed", request=request)


def answering(status: int) -> Answer:
    return lambda request: httpx2.Response(status, json={"errorMessages": ["no"], "errors": {}}, request=request)


@pytest.mark.parametrize(
    ("answer", "said"),
    [(gone, "127.0.0.1"), (answering(401), "token"), (answering(503), "503")],
    ids=["unreachable", "wrong token", "broken"],
)
async def test_a_site_that_does_not_answer_ends_the_run_with_a_sentence(copy: Copy, answer: Answer, said: str) -> None:
    dead = jira_opener(KEY, hash_email=KEY.hash_email, patience=QUICK, transport=httpx2.MockTransport(answer))
    run = await copy.backfill(open_jira=dead)
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert said in run.error
