"""Issues and what hangs on them: Jira's JSON to the rows of the copy.

Every function raises ``UnreadableAnswer`` with the reason where an answer lacks what the copy cannot do without.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from digital_spiral.domain.entities.issue import (
    Attachment,
    Change,
    Comment,
    Issue,
    IssueBundle,
    IssueLink,
    Worklog,
)
from digital_spiral.domain.entities.user import User
from digital_spiral.domain.errors import UnreadableAnswer
from digital_spiral.domain.services.digest import (
    attachment_digest,
    canonical,
    change_digest,
    digest_text,
    issue_digest,
    link_digest,
)
from digital_spiral.infrastructure.external.jira import wire
from digital_spiral.infrastructure.external.jira.accounts import Accounts
from digital_spiral.infrastructure.external.jira.adf_text import adf_text
from digital_spiral.infrastructure.external.jira.decoding import convert, convert_text, decode_object
from digital_spiral.infrastructure.external.jira.field_values import FieldCatalogue, FieldValues
from digital_spiral.infrastructure.external.jira.raw import RawRules, has_replacement
from digital_spiral.infrastructure.external.jira.times import day_or_none, instant, instant_or_none

_EPIC_LEVEL = 1
_UNSET = b""


@dataclass(frozen=True, slots=True)
class Marks:
    """Positions of the embedded comments and worklogs in which characters were replaced."""

    comments: frozenset[int] = frozenset()
    worklogs: frozenset[int] = frozenset()


_NO_MARKS = Marks()


@dataclass(slots=True)
class ParsedIssue:
    """An issue without its history; ``comments_cut`` says that the embedded comments are not all."""

    bundle: IssueBundle
    comments_cut: bool


class IssueParser:
    """Reads issues of one site; keeps the accounts and hashes it has met."""

    def __init__(self, rules: RawRules, catalogue: FieldCatalogue) -> None:
        self._rules = rules
        self._accounts = Accounts()
        self._values = FieldValues(catalogue, self._accounts)

    def issue(self, text: bytes) -> ParsedIssue:
        """Read an issue as ``issue/bulkfetch`` answers it with every field."""
        clean = self._rules.apply(text)
        document = decode_object(clean.text)
        values = document.get("fields")
        if not isinstance(values, dict):
            raise UnreadableAnswer("the answer has no fields")
        head = convert(document, wire.IssueHead)
        fields = convert(values, wire.Fields)
        users: dict[str, User] = {}
        points = self._values.story_points(values)
        issue = self._issue(head, fields, points, users)
        issue.raw_jsonb = clean.text
        issue.replaced_characters = clean.replaced
        issue.content_hash = issue_digest(document)
        bundle = IssueBundle(
            issue=issue,
            attachments=[self._attachment(head.id, one, users) for one in fields.attachment or ()],
            links=[_link(issue, one) for one in fields.issuelinks or ()],
            field_values=self._values.rows(head.id, values, users),
            sprints=self._values.sprints(head.id, values),
            users=users,
        )
        self._children(bundle, fields)
        comments = fields.comment
        cut = comments is None or comments.start_at > 0 or comments.total > len(comments.comments)
        return ParsedIssue(bundle, cut)

    def comment(self, issue_id: int, text: bytes, users: dict[str, User]) -> Comment:
        """Read a comment as a page of comments holds it."""
        clean = self._rules.apply(text)
        return self._comment(issue_id, decode_object(clean.text), clean.replaced, users)

    def worklog(self, text: bytes, issue_id: int | None = None) -> Worklog:
        """Read a worklog as a list of worklogs holds it; the issue is the worklog's own if none is given."""
        clean = self._rules.apply(text)
        return self._worklog(issue_id, decode_object(clean.text), clean.replaced, {})

    def changes(self, issue_id: int, histories: Iterable[wire.History], users: dict[str, User]) -> list[Change]:
        """One row per changed field, in order of time, then of history id; the order of arrival does not matter."""
        moments = sorted((instant(one.created), one.id, one) for one in {one.id: one for one in histories}.values())
        rows: list[Change] = []
        for created, history_id, history in moments:
            author = self._accounts.read(history.author, users)
            for position, item in enumerate(history.items):
                row = Change(
                    issue_id=issue_id,
                    jira_id=history_id,
                    item=position,
                    author_id=author,
                    created_at=created,
                    field=item.field,
                    field_type=item.fieldtype,
                    field_id=item.field_id,
                    from_value=item.from_value,
                    from_text=item.from_text,
                    to_value=item.to_value,
                    to_text=item.to_text,
                    content_hash=_UNSET,
                )
                row.content_hash = change_digest(row)
                rows.append(row)
        return rows

    def _issue(self, head: wire.IssueHead, fields: wire.Fields, points: float | None, users: dict[str, User]) -> Issue:
        account = self._accounts.read
        parent = fields.parent
        description = fields.description
        return Issue(
            jira_id=head.id,
            key=head.key,
            project_id=fields.project.id,
            issue_type_id=fields.issuetype.id,
            status_id=fields.status.id,
            status_category="undefined" if fields.status.category is None else fields.status.category.key,
            summary=fields.summary or "",
            priority_id=None if fields.priority is None else fields.priority.id,
            resolution_id=None if fields.resolution is None else fields.resolution.id,
            assignee_id=account(fields.assignee, users),
            reporter_id=account(fields.reporter, users),
            creator_id=account(fields.creator, users),
            parent_id=None if parent is None else parent.id,
            epic_id=_epic(parent),
            story_points=points,
            labels=fields.labels or [],
            component_ids=[one.id for one in fields.components or ()],
            fix_version_ids=[one.id for one in fields.fix_versions or ()],
            created_at=instant(fields.created),
            jira_updated_at=instant(fields.updated),
            resolved_at=instant_or_none(fields.resolutiondate),
            due_on=day_or_none(fields.duedate),
            description=None if description is None else msgspec.json.encode(description),
            description_text=adf_text(description),
            raw_jsonb=_UNSET,
            replaced_characters=False,
            content_hash=_UNSET,
        )

    def _children(self, bundle: IssueBundle, fields: wire.Fields) -> None:
        """Add the embedded comments, and the worklogs if they are all there."""
        issue = bundle.issue
        comments = [] if fields.comment is None else fields.comment.comments
        worklogs = [] if fields.worklog is None else fields.worklog.worklogs
        marks = _marks(issue.raw_jsonb) if issue.replaced_characters else _NO_MARKS
        bundle.comments = [
            self._comment(issue.jira_id, one, position in marks.comments, bundle.users)
            for position, one in enumerate(comments)
        ]
        # A site without time tracking shows no worklogs at all: then there is none to see.
        if fields.worklog is None or (fields.worklog.start_at == 0 and fields.worklog.total <= len(worklogs)):
            bundle.worklogs = [
                self._worklog(issue.jira_id, one, position in marks.worklogs, bundle.users)
                for position, one in enumerate(worklogs)
            ]

    def _comment(self, issue_id: int, document: object, replaced: bool, users: dict[str, User]) -> Comment:
        one = convert(document, wire.Comment)
        raw = canonical(document)
        return Comment(
            jira_id=one.id,
            issue_id=issue_id,
            author_id=self._accounts.read(one.author, users),
            update_author_id=self._accounts.read(one.update_author, users),
            created_at=instant(one.created),
            jira_updated_at=instant(one.updated),
            visibility_type=None if one.visibility is None else one.visibility.type,
            visibility_value=None if one.visibility is None else one.visibility.value,
            body=None if one.body is None else msgspec.json.encode(one.body),
            raw_jsonb=raw,
            replaced_characters=replaced,
            content_hash=digest_text(raw),
        )

    def _worklog(self, issue_id: int | None, document: object, replaced: bool, users: dict[str, User]) -> Worklog:
        one = convert(document, wire.Worklog)
        issue_id = one.issue_id if issue_id is None else issue_id
        if issue_id is None:
            raise UnreadableAnswer(f"worklog {one.id} names no issue")
        raw = canonical(document)
        return Worklog(
            jira_id=one.id,
            issue_id=issue_id,
            author_id=self._accounts.read(one.author, users),
            update_author_id=self._accounts.read(one.update_author, users),
            started_at=instant(one.started),
            time_spent_seconds=one.time_spent_seconds,
            created_at=instant(one.created),
            jira_updated_at=instant(one.updated),
            raw_jsonb=raw,
            replaced_characters=replaced,
            content_hash=digest_text(raw),
        )

    def _attachment(self, issue_id: int, one: wire.Attachment, users: dict[str, User]) -> Attachment:
        row = Attachment(
            jira_id=one.id,
            issue_id=issue_id,
            filename=one.filename,
            author_id=self._accounts.read(one.author, users),
            created_at=instant(one.created),
            size=one.size,
            mime_type=one.mime_type,
            content_url=one.content,
            content_hash=_UNSET,
        )
        row.content_hash = attachment_digest(row)
        return row


def _marks(text: bytes) -> Marks:
    fields = convert_text(text, wire.RawIssue).fields
    comments = () if fields.comment is None else fields.comment.comments
    worklogs = () if fields.worklog is None else fields.worklog.worklogs
    return Marks(
        comments=frozenset(position for position, one in enumerate(comments) if has_replacement(bytes(one))),
        worklogs=frozenset(position for position, one in enumerate(worklogs) if has_replacement(bytes(one))),
    )


def _epic(parent: wire.Parent | None) -> int | None:
    if parent is None or parent.fields is None or parent.fields.issuetype is None:
        return None
    return parent.id if parent.fields.issuetype.hierarchy_level == _EPIC_LEVEL else None


def _link(issue: Issue, one: wire.Link) -> IssueLink:
    """The link as one row. An issue that shows an ``outwardIssue`` is the source, Jira's ``inwardIssue``."""
    here = wire.LinkEnd(issue.jira_id, issue.key)
    if (one.inward_issue is None) == (one.outward_issue is None):
        raise UnreadableAnswer(f"link {one.id} does not show exactly one other issue")
    source, target = one.inward_issue or here, one.outward_issue or here
    row = IssueLink(
        jira_id=one.id,
        source_id=source.id,
        target_id=target.id,
        source_key=source.key,
        target_key=target.key,
        type_id=one.type.id,
        type_name=one.type.name,
        inward=one.type.inward,
        outward=one.type.outward,
        content_hash=_UNSET,
    )
    row.content_hash = link_digest(row)
    return row
