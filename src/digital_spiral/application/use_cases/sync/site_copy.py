"""Copy what belongs to the site rather than to an issue: projects, users, metadata, boards, sprints."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

from digital_spiral.application.ports import Jira, SiteRow
from digital_spiral.application.use_cases.sync.run_session import NOT_SHOWN, RunSession, task_group
from digital_spiral.domain.entities.project import Project
from digital_spiral.domain.entities.sync import Progress, Skip
from digital_spiral.domain.errors import Forbidden

Row = TypeVar("Row", bound=SiteRow)
Part = TypeVar("Part")
Read = Callable[[], Awaitable[list[Row]]]


class SiteCopy:
    """The phases of a backfill before and after the issues.

    A list that Jira will not show becomes a named skip. Rows that a list no longer holds are marked as gone only when
    every part of it was shown.
    """

    def __init__(self, session: RunSession, jira: Jira) -> None:
        self._session = session
        self._jira = jira

    async def copy_projects(self) -> list[Project]:
        """Copy projects with components and versions; returns the projects.

        Issues of a project that Jira no longer lists stay as they are: deleted, archived and forbidden look alike.

        Raises:
            Forbidden: Jira lists no project at all, though the copy holds some.
        """
        await self._session.report(Progress(phase="projects"))
        read_at = self._session.clock()
        projects = await self._jira.projects()
        async with self._session.read() as uow:
            held = await uow.mirror.project_ids(self._session.instance_id)
        if held and not projects:
            raise Forbidden(
                "Jira shows this account no project any more, so nothing was changed. "
                "Check the account's permissions, or connect the site again with another account."
            )
        listed = {project.jira_id for project in projects}
        skips = [
            Skip(f"project {key}", "Jira no longer lists it: deleted, archived or forbidden. Its issues stay.")
            for key, project_id in held.items()
            if project_id not in listed
        ]
        await self._store("projects", projects, read_at, skips, complete=True)
        await self._copy_project_parts(projects)
        return projects

    async def _copy_project_parts(self, projects: Sequence[Project]) -> None:
        read_at = self._session.clock()
        parts, skips = await self._read(
            {f"components and versions of {each.key}": partial(self._jira.project_parts, each) for each in projects}
        )
        complete = not skips
        components = [component for each, _ in parts for component in each]
        await self._store("project_components", components, read_at, skips, complete=complete)
        versions = [version for _, each in parts for version in each]
        await self._store("project_versions", versions, read_at, [], complete=complete)

    async def copy_users(self) -> None:
        """Copy the site's accounts; none is marked as gone, for issues mention accounts that the list leaves out."""
        await self._session.report(Progress(phase="users"))
        await self._copy("users", {"users": self._jira.users}, complete=False)

    async def copy_metadata(self) -> None:
        """Copy custom fields, on which reading issues depends, statuses, priorities, resolutions, issue types."""
        await self._session.report(Progress(phase="metadata"))
        read_at = self._session.clock()
        custom_fields = await self._jira.custom_fields()
        await self._store("custom_fields", custom_fields, read_at, [], complete=True)
        await self._copy("statuses", {"statuses": self._jira.statuses})
        await self._copy("priorities", {"priorities": self._jira.priorities})
        await self._copy("resolutions", {"resolutions": self._jira.resolutions})
        await self._copy("issue_types", {"issue types": self._jira.issue_types})

    async def copy_boards_and_sprints(self) -> None:
        """Copy boards, then their sprints; a sprint that several boards show is one row."""
        await self._session.report(Progress(phase="boards"))
        boards = await self._copy("boards", {"boards": self._jira.boards})
        if boards is not None:
            await self._session.report(Progress(phase="sprints"))
            sprints = {f"sprints of board {each.jira_id}": partial(self._jira.sprints, each) for each in boards}
            await self._copy("sprints", sprints)

    async def _copy(self, table: str, parts: Mapping[str, Read[Row]], *, complete: bool = True) -> list[Row] | None:
        """Read the named parts of one list at the same time and store their rows; None when a part is missing."""
        read_at = self._session.clock()
        found, skips = await self._read(parts)
        rows = {row.jira_id: row for part in found for row in part}
        await self._store(table, list(rows.values()), read_at, skips, complete=complete and not skips)
        return None if skips else list(rows.values())

    async def _read(self, parts: Mapping[str, Callable[[], Awaitable[Part]]]) -> tuple[list[Part], list[Skip]]:
        """Read the named parts at the same time; those that Jira does not show become skips."""
        found: list[Part] = []
        skips: list[Skip] = []

        async def read(what: str, fetch: Callable[[], Awaitable[Part]]) -> None:
            try:
                found.append(await fetch())
            except NOT_SHOWN as error:
                skips.append(Skip(what, str(error)))

        async with task_group() as group:
            for what, fetch in parts.items():
                group.create_task(read(what, fetch))
        return found, skips

    async def _store(
        self, table: str, rows: Sequence[SiteRow], read_at: datetime, skips: list[Skip], *, complete: bool
    ) -> None:
        progress = Progress(skips=skips)
        async with self._session.write(progress) as uow:
            progress.counts[table] = await uow.mirror.upsert_site_rows(
                self._session.instance_id, rows, read_at, complete=complete
            )
