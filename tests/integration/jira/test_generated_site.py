import json
from collections import Counter
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import httpx2
import pytest

from digital_spiral.application.ports import IssuePage
from digital_spiral.domain.entities.issue import IssueBundle
from digital_spiral.domain.entities.project import Project
from digital_spiral.domain.errors import Unauthorized
from digital_spiral.infrastructure.external.jira.gateway import JiraGateway
from jira_emulator.limits import Limits
from jira_emulator.site import Site


class Door(Protocol):
    site: Site
    gateway: JiraGateway
    control: httpx2.AsyncClient
    hashed: list[str]


class Opened(Protocol):
    def __call__(
        self, site: Site, limits: Limits | None = ..., token: str = ...
    ) -> AbstractAsyncContextManager[Door]: ...


async def listed(gateway: JiraGateway, projects: list[Project]) -> list[int]:
    return [
        ref.jira_id
        for project in projects
        async for page in gateway.issue_refs(project, after=0, with_updated=True)
        for ref in page
    ]


async def everything(door: Door) -> dict[int, IssueBundle]:
    ids = await listed(door.gateway, await door.gateway.projects())
    page = await door.gateway.issues(ids)
    assert (page.missing, page.unreadable) == ([], [])
    return {bundle.issue.jira_id: bundle for bundle in page.bundles}


async def test_every_issue_arrives_with_all_its_children(door: Door) -> None:
    bundles = await everything(door)
    assert bundles.keys() == door.site.issues.keys()
    for issue_id, source in door.site.issues.items():
        bundle = bundles[issue_id]
        assert (bundle.issue.key, bundle.issue.status_id) == (source.key, source.status_id)
        assert bundle.issue.assignee_id == source.assignee
        assert bundle.issue.jira_updated_at.timestamp() * 1000 == pytest.approx(source.updated, abs=0.01)
        assert {one.jira_id for one in bundle.comments} == {one.id for one in source.comments}
        assert {one.jira_id for one in bundle.changes} == {one.id for one in source.histories}
        assert all(one.issue_id == issue_id for one in bundle.changes)
        if bundle.worklogs is not None:
            assert {one.jira_id for one in bundle.worklogs} == {one.id for one in source.worklogs}


async def test_cut_worklogs_come_by_feed_and_by_issue(open_door: Opened, generated: Site) -> None:
    limits = Limits(embedded_worklogs=1, worklog_feed_page=7, worklog_feed_lag=0)
    async with open_door(generated, limits) as door:
        bundles = await everything(door)
        cut = [bundle.issue for bundle in bundles.values() if bundle.worklogs is None]
        assert cut
        embedded = {one.jira_id: one for bundle in bundles.values() for one in bundle.worklogs or ()}
        expected = {one.id for issue in generated.issues.values() for one in issue.worklogs}
        moments, reached = await door.gateway.worklogs_updated(0)
        assert moments.keys() == expected
        assert reached == max(moments.values())
        rows, skips = await door.gateway.worklogs(list(moments))
        assert skips == []
        assert {row.jira_id for row in rows} == expected
        assert all(row == embedded[row.jira_id] for row in rows if row.jira_id in embedded)
        own = await door.gateway.complete_worklogs(cut[0])
        assert {row.jira_id for row in own} == {one.id for one in generated.issues[cut[0].jira_id].worklogs}
        deleted, _ = await door.gateway.worklogs_deleted(0)
        assert set(deleted) == {tombstone.id for tombstone in generated.deleted_worklogs}


async def test_both_ends_of_a_link_give_the_same_row(door: Door) -> None:
    seen = [link for bundle in (await everything(door)).values() for link in bundle.links]
    assert seen
    by_id = {link.jira_id: link for link in seen}
    assert all(link == by_id[link.jira_id] for link in seen)
    assert set(Counter(link.jira_id for link in seen).values()) == {2}


async def test_what_is_kept_is_what_jira_answers_but_for_addresses(door: Door) -> None:
    bundles = await everything(door)
    assert door.hashed
    held = b"".join(bundle.issue.raw_jsonb for bundle in bundles.values())
    assert all(email.encode() not in held for email in door.hashed)
    replaced = [bundle for bundle in bundles.values() if bundle.issue.replaced_characters]
    assert replaced
    assert any(comment.replaced_characters for bundle in replaced for comment in bundle.comments)
    for bundle in bundles.values():
        json.loads(bundle.issue.raw_jsonb)
        assert "\\u0000" not in (bundle.issue.description_text or "")


async def test_typed_fields_sprints_points_and_epics(door: Door) -> None:
    bundles = (await everything(door)).values()
    kinds = {row.field_id: set[str]() for bundle in bundles for row in bundle.field_values}
    for bundle in bundles:
        for row in bundle.field_values:
            columns = ("value_text", "value_id", "value_number", "value_time")
            kinds[row.field_id] |= {name for name in columns if getattr(row, name) is not None}
    by_name = {row.name: kinds.get(row.jira_id, set()) for row in await door.gateway.custom_fields()}
    assert by_name["Risk score"] == {"value_number"}
    assert by_name["Customer reference"] == {"value_text"}
    assert by_name["Target date"] == {"value_text", "value_time"}
    assert by_name["Deployed at"] == {"value_time"}
    assert by_name["Reviewer"] == by_name["Severity"] == by_name["Product area"] == {"value_text", "value_id"}
    assert by_name["Affected environments"] == {"value_text", "value_id"}
    assert by_name["Sprint"] == by_name["Rank"] == set()
    assert kinds["labels"] == {"value_text"}
    assert any(bundle.sprints for bundle in bundles)
    assert any(bundle.issue.story_points for bundle in bundles)
    epics = {bundle.issue.epic_id for bundle in bundles} - {None}
    assert epics
    assert epics <= door.site.issues.keys()


async def test_every_account_that_is_mentioned_is_described(door: Door) -> None:
    for bundle in (await everything(door)).values():
        people = {bundle.issue.assignee_id, bundle.issue.reporter_id, bundle.issue.creator_id}
        people |= {one.author_id for one in bundle.comments} | {one.update_author_id for one in bundle.comments}
        people |= {one.author_id for one in bundle.changes} | {one.author_id for one in bundle.attachments}
        assert people - {None} <= bundle.users.keys()


async def test_small_pages_change_nothing(open_door: Opened, generated: Site, door: Door) -> None:
    small = Limits(
        search_max=5000, embedded_comments=1, page_max=3, project_page=2, users_max=5, comment_max=40, sprint_page=2
    )
    async with open_door(generated, small) as other:
        for name in ("projects", "users", "priorities", "resolutions", "boards"):
            assert await getattr(other.gateway, name)() == await getattr(door.gateway, name)()
        for board in await door.gateway.boards():
            assert await other.gateway.sprints(board) == await door.gateway.sprints(board)
        few = [bundle.comments for bundle in (await everything(other)).values()]
        assert [len(one) for one in few] == [len(one.comments) for one in (await everything(door)).values()]


async def test_site_lists_match_the_site(door: Door) -> None:
    gateway, site = door.gateway, door.site
    assert {str(row.jira_id) for row in await gateway.projects()} == site.projects.keys()
    assert {row.jira_id for row in await gateway.users()} == site.users.keys()
    assert {row.jira_id for row in await gateway.statuses()} == site.statuses.keys()
    assert {row.jira_id for row in await gateway.issue_types()} == site.issue_types.keys()
    assert {row.jira_id for row in await gateway.boards()} == site.boards.keys()
    assert (await gateway.account()).account_id == site.account_id
    assert await gateway.missing_permissions() == []
    projects = await gateway.projects()
    assert await gateway.count_issues(projects) == len(site.issues)
    for project in projects:
        components, versions = await gateway.project_parts(project)
        project_id = str(project.jira_id)
        assert {str(row.jira_id) for row in components} == {
            one.id for one in site.components.values() if one.project_id == project_id
        }
        assert {str(row.jira_id) for row in versions} == {
            one.id for one in site.versions.values() if one.project_id == project_id
        }


async def test_requests_are_few(door: Door) -> None:
    await door.gateway.custom_fields()
    projects = await door.gateway.projects()
    ids = await listed(door.gateway, projects)
    assert door.gateway.requests == 2 + len(projects)
    await door.gateway.issues(ids)
    bodies, histories = -(-len(ids) // 100), 1
    cut = sum(len(issue.comments) > 20 for issue in door.site.issues.values())
    assert door.gateway.requests == 2 + len(projects) + bodies + histories + cut


async def test_a_wrong_token_is_unauthorized(open_door: Opened, generated: Site) -> None:
    async with open_door(generated, None, "wrong") as door:
        with pytest.raises(Unauthorized, match="API token"):
            await door.gateway.account()


async def break_(door: Door, kind: str, *issues: int, times: int | None = None) -> None:
    order = {"issues": list(issues), "kind": kind, "times": times}
    (await door.control.post("/break", json=order)).raise_for_status()


async def read_first(door: Door, count: int) -> tuple[list[int], IssuePage]:
    ids = sorted(door.site.issues)[:count]
    return ids, await door.gateway.issues(ids)


async def test_broken_json_is_narrowed_down_to_its_issues(door: Door) -> None:
    bad = sorted(door.site.issues)[33:150:50]
    await break_(door, "broken-json", *bad)
    ids, page = await read_first(door, 200)
    assert [issue_id for issue_id, _ in page.unreadable] == bad
    assert [bundle.issue.jira_id for bundle in page.bundles] == [each for each in ids if each not in bad]


async def test_json_that_breaks_once_is_read_the_second_time(door: Door) -> None:
    await break_(door, "broken-json", sorted(door.site.issues)[5], times=1)
    ids, page = await read_first(door, 100)
    assert [bundle.issue.jira_id for bundle in page.bundles] == ids


@pytest.mark.parametrize(("kind", "reason"), [("no-fields", "no fields"), ("strange-zone", "not an instant")])
async def test_a_bad_issue_is_a_named_skip(kind: str, reason: str, door: Door) -> None:
    bad = sorted(door.site.issues)[7]
    await break_(door, kind, bad)
    ids, page = await read_first(door, 100)
    [(issue_id, skip)] = page.unreadable
    assert issue_id == bad
    assert skip.what == f"issue {bad} ({door.site.issues[bad].key})"
    assert reason in skip.reason
    assert len(page.bundles) == len(ids) - 1
