"""The loader: surveys every line, then writes issue after issue into the site."""

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from jira_emulator.history import Present
from jira_emulator.load.children import comments, histories, synthesised, worklogs
from jira_emulator.load.issue_fields import FieldWriter
from jira_emulator.load.shapes import an_object, decode, encode, instant, objects
from jira_emulator.load.source import BadLine, issue_files, read_lines
from jira_emulator.load.survey import Head, SkippedLineError, Survey, source_histories
from jira_emulator.model import Issue, User
from jira_emulator.site import Site
from jira_emulator.wire import Json

_PEOPLE_LIMIT = 8


@dataclass
class LoadReport:
    """What was loaded, and everything that was not; counts are of what stands in the site."""

    files: list[Path]
    lines: int = 0
    loaded: int = 0
    bad_lines: list[BadLine] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    """Parts of loaded issues that have no place on Jira Cloud, and how often each occurred."""
    seconds: float = 0.0
    comments: int = 0
    worklogs: int = 0
    histories: int = 0
    links: int = 0
    attachments: int = 0
    users: int = 0
    projects: int = 0
    boards: int = 0
    sprints: int = 0


@dataclass(slots=True)
class _Line:
    file: Path
    number: int
    content: bytes


def load_issues(site: Site, paths: Sequence[Path], *, synthesise_history: bool = False, seed: int = 0) -> LoadReport:
    """Load issue files into a site and derive everything the issues refer to.

    Lines that cannot become an issue are left out and named in the report.

    Args:
        site: Where the issues go; its time zone is the one timestamps are written in.
        paths: Files (``.jsonl``, ``.jsonl.gz``) or folders of such files; see ``issue_files``.
        synthesise_history: Invent histories for issues that bring none.
        seed: Seed of the invented histories.

    Raises:
        DataNotFoundError: If a path does not lead to issue files.
    """
    started = time.perf_counter()
    report = LoadReport(issue_files(paths))
    survey = Survey(site)
    writer = FieldWriter(survey)
    with _collector_paused():
        lines = _survey_lines(survey, report)
        survey.settle()
        lines.reverse()
        while lines:
            # Taken off the list, so that the source's text goes while the site's grows.
            line = lines.pop()
            try:
                issue = _issue(line.content, writer, seed if synthesise_history else None)
            except (orjson.JSONEncodeError, UnicodeEncodeError, RecursionError) as error:
                report.bad_lines.append(BadLine(str(line.file), line.number, f"cannot be written as JSON: {error}"))
                continue
            site.put_issue(issue)
            report.loaded += 1
            report.comments += len(issue.comments)
            report.worklogs += len(issue.worklogs)
            report.histories += len(issue.histories)
        writer.custom.register_empty()
    _count(report, writer)
    report.seconds = time.perf_counter() - started
    return report


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the cyclic collector out: nothing here makes cycles, and it would walk the growing site again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _survey_lines(survey: Survey, report: LoadReport) -> list[_Line]:
    lines: list[_Line] = []
    for file in report.files:
        for number, content in read_lines(file, report.bad_lines):
            report.lines += 1
            try:
                survey.add(decode(content))
            except SkippedLineError as error:
                report.bad_lines.append(BadLine(str(file), number, str(error)))
            except (ValueError, RecursionError) as error:
                report.bad_lines.append(BadLine(str(file), number, f"not JSON: {error}"))
            else:
                lines.append(_Line(file, number, content))
    return lines


def _issue(content: bytes, writer: FieldWriter, seed: int | None) -> Issue:
    record = an_object(decode(content))
    raw = an_object(record["fields"])
    survey = writer.survey
    head = survey.heads[int(str(record["id"]))]
    updated, created = instant(raw.get("updated")), instant(raw.get("created"))
    created = created if created is not None else updated or 0
    updated = created if updated is None else updated
    assignee = survey.registry.users.account(raw.get("assignee"))
    issue = Issue(
        head.id,
        head.key,
        head.project.id,
        head.issue_type.id,
        head.status.id,
        None if assignee is None else assignee.account_id,
        created,
        updated,
        encode(writer.write(head, raw, created, updated)),
        comments(raw, head.id, created, survey),
        worklogs(raw, head.id, created, survey),
        histories(record, created, survey),
        _old_keys(record, head.key),
    )
    if seed is not None and not issue.histories:
        issue.histories = synthesised(_present(head, raw, issue, survey), survey, seed)
    return issue


def _old_keys(record: Json, key: str) -> tuple[str, ...]:
    """Keys the issue had before it was moved, as its histories tell."""
    items = (item for history in source_histories(record) for item in objects(history.get("items")))
    keys = (item.get("fromString") for item in items if item.get("field") == "Key")
    return tuple(dict.fromkeys(old for old in keys if isinstance(old, str) and old != key))


def _present(head: Head, raw: Json, issue: Issue, survey: Survey) -> Present:
    registry = survey.registry
    parent = survey.parent(head)
    versions = (registry.version(version, head.project.id) for version in objects(raw.get("fixVersions")))
    resolutions = survey.site.resolutions
    return Present(
        head.id,
        issue.created,
        issue.updated,
        head.status,
        workflow=survey.workflow(head.project.id),
        resolution=registry.resolution(raw.get("resolution")),
        resolved=instant(raw.get("resolutiondate")),
        past_resolution=resolutions[min(resolutions, key=int)] if resolutions else None,
        assignee=registry.users.account(raw.get("assignee")),
        people=_people(raw, survey),
        sprints=head.sprints,
        fix_versions=[version for version in versions if version is not None],
        parent=None if parent is None or head.issue_type.subtask else (str(parent[0]), parent[1]),
    )


def _people(raw: Json, survey: Survey) -> list[User]:
    """Those who had to do with an issue: creator, reporter, assignee, the first who commented."""
    account = survey.registry.users.account
    given = [raw.get("creator"), raw.get("reporter"), raw.get("assignee")]
    given.extend(item.get("author") for item in objects(an_object(raw.get("comment")).get("comments"))[:_PEOPLE_LIMIT])
    found = (account(value) for value in given)
    return list({user.account_id: user for user in found if user is not None}.values())


def _count(report: LoadReport, writer: FieldWriter) -> None:
    site = writer.survey.site
    report.left_out = dict(sorted(writer.left_out.items()))
    report.links = len(writer.links)
    report.attachments = writer.attachments
    report.users = len(site.users)
    report.projects = len(site.projects)
    report.boards = len(site.boards)
    report.sprints = len(site.sprints)
