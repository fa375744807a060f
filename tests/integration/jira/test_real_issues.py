"""Real issues, through the emulator: all of them arrive, in few requests."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from digital_spiral.infrastructure.external.jira.gateway import JiraGateway
from jira_emulator.load.loader import load_issues
from jira_emulator.site import Site


class Door(Protocol):
    gateway: JiraGateway


class Opened(Protocol):
    def __call__(self, site: Site) -> AbstractAsyncContextManager[Door]: ...


async def test_real_issues_arrive_complete(open_door: Opened, shared_data: Path) -> None:
    site = Site()
    load_issues(site, [shared_data / "jira-data" / "issues-titanium-mod.jsonl.gz"], synthesise_history=True)
    async with open_door(site) as door:
        [project] = await door.gateway.projects()
        ids = [
            ref.jira_id async for page in door.gateway.issue_refs(project, after=0, with_updated=False) for ref in page
        ]
        await door.gateway.custom_fields()
        before = door.gateway.requests
        page = await door.gateway.issues(ids)
        assert (page.missing, page.unreadable) == ([], [])
        assert [bundle.issue.jira_id for bundle in page.bundles] == sorted(site.issues)
        for bundle in page.bundles:
            source = site.issues[bundle.issue.jira_id]
            assert len(bundle.comments) == len(source.comments)
            assert len({change.jira_id for change in bundle.changes}) == len(source.histories)
        cut = sum(len(issue.comments) > 20 for issue in site.issues.values())
        assert door.gateway.requests - before == -(-len(ids) // 100) + 1 + cut
