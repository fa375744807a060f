"""What is read of Jira's answers, as msgspec structs. Keys that are not named here are kept raw, not lost.

Ids are strings of digits on the platform's side and numbers on the agile side; decoded without ``strict``, both
become ``int``. ``object`` stands for a part whose shape is looked at elsewhere.
"""

from msgspec import Raw, Struct, field


class Ref(Struct):
    """Something with a numeric id."""

    id: int


class TextRef(Struct):
    """Something whose id is kept as the text Jira writes."""

    id: str


class StatusCategory(Struct):
    """The category of a status."""

    key: str = "undefined"


class StatusRef(Struct, rename={"category": "statusCategory"}):
    """A status as an issue carries it."""

    id: str
    category: StatusCategory | None = None


class IssueTypeRef(Struct, rename="camel"):
    """An issue type as an issue carries it."""

    id: str
    hierarchy_level: int | None = None


class ParentFields(Struct):
    """What is read of a parent's fields."""

    issuetype: IssueTypeRef | None = None


class Parent(Struct):
    """The parent of an issue."""

    id: int
    fields: ParentFields | None = None


class LinkEnd(Struct):
    """The issue at the other end of a link."""

    id: int
    key: str


class LinkType(Struct):
    """A kind of link with its two readings."""

    id: str
    name: str = ""
    inward: str = ""
    outward: str = ""


class Link(Struct, rename="camel"):
    """A link as one of its ends shows it: with exactly one of the two issues."""

    id: int
    type: LinkType
    inward_issue: LinkEnd | None = None
    outward_issue: LinkEnd | None = None


class Attachment(Struct, rename="camel"):
    """An attached file's description."""

    id: int
    created: str | int
    filename: str = ""
    author: object = None
    size: int = 0
    mime_type: str | None = None
    content: str | None = None


class Visibility(Struct):
    """Who may see a comment: a group or a role."""

    type: str | None = None
    value: str | None = None


class Comment(Struct, rename="camel"):
    """A comment."""

    id: int
    created: str | int
    updated: str | int
    author: object = None
    update_author: object = None
    visibility: Visibility | None = None
    body: object = None


class Worklog(Struct, rename="camel"):
    """A worklog."""

    id: int
    started: str | int
    created: str | int
    updated: str | int
    time_spent_seconds: int = 0
    author: object = None
    update_author: object = None
    issue_id: int | None = None


class Comments(Struct, rename="camel"):
    """The comments inside of an issue, oldest first, cut where there are many."""

    comments: list[object] = field(default_factory=list)
    total: int = 0
    start_at: int = 0


class Worklogs(Struct, rename="camel"):
    """The worklogs inside of an issue, oldest first, cut where there are many."""

    worklogs: list[object] = field(default_factory=list)
    total: int = 0
    start_at: int = 0


class Fields(Struct, rename={"fix_versions": "fixVersions"}):
    """The system fields of an issue; those without a default are on every issue of every site."""

    issuetype: IssueTypeRef
    project: Ref
    status: StatusRef
    created: str | int
    updated: str | int
    summary: str | None = None
    priority: TextRef | None = None
    resolution: TextRef | None = None
    assignee: object = None
    reporter: object = None
    creator: object = None
    parent: Parent | None = None
    labels: list[str] | None = None
    components: list[Ref] | None = None
    fix_versions: list[Ref] | None = None
    resolutiondate: str | int | None = None
    duedate: str | None = None
    description: object = None
    issuelinks: list[Link] | None = None
    attachment: list[Attachment] | None = None
    comment: Comments | None = None
    worklog: Worklogs | None = None


class IssueHead(Struct):
    """What names an issue."""

    id: int
    key: str = ""


class RawComments(Struct):
    """The embedded comments, each as the text it has in its issue."""

    comments: list[Raw] = field(default_factory=list)


class RawWorklogs(Struct):
    """The embedded worklogs, each as the text it has in its issue."""

    worklogs: list[Raw] = field(default_factory=list)


class RawFields(Struct):
    """The fields that embed children."""

    comment: RawComments | None = None
    worklog: RawWorklogs | None = None


class RawIssue(Struct):
    """An issue, to find the texts of its children."""

    fields: RawFields


class HistoryItem(
    Struct,
    rename={
        "field_id": "fieldId",
        "from_value": "from",
        "from_text": "fromString",
        "to_value": "to",
        "to_text": "toString",
    },
):
    """One changed field of a history; any of the four values may be null, and ``fieldId`` is often absent."""

    field: str
    fieldtype: str | None = None
    field_id: str | None = None
    from_value: str | None = None
    from_text: str | None = None
    to_value: str | None = None
    to_text: str | None = None


class History(Struct):
    """What one person changed at one moment."""

    id: int
    created: str | int
    author: object = None
    items: list[HistoryItem] = field(default_factory=list)


class IssueError(Struct):
    """An issue that a bulk answer does not show; the id is what was asked for."""

    id: str


class IssuePage(Struct, rename="camel"):
    """Answer of ``issue/bulkfetch``."""

    issues: list[Raw] = field(default_factory=list)
    issue_errors: list[IssueError] = field(default_factory=list)


class IssueHistories(Struct, rename="camel"):
    """Some histories of one issue, perhaps not all of them."""

    issue_id: int
    change_histories: list[History] = field(default_factory=list)


class HistoryPage(Struct, rename={"issues": "issueChangeLogs", "next_page_token": "nextPageToken"}):
    """Answer of ``changelog/bulkfetch``."""

    issues: list[IssueHistories] = field(default_factory=list)
    next_page_token: str | None = None


class SearchFields(Struct):
    """The one field that searches ask for."""

    updated: str | int | None = None


class SearchHit(Struct):
    """An issue as a search names it."""

    id: int
    fields: SearchFields | None = None


class SearchPage(Struct, rename="camel"):
    """Answer of ``search/jql``."""

    issues: list[SearchHit] = field(default_factory=list)
    next_page_token: str | None = None
    is_last: bool | None = None


class Count(Struct):
    """Answer of ``search/approximate-count``."""

    count: int


class CommentPage(Struct, rename="camel"):
    """Answer of ``issue/{id}/comment``."""

    comments: list[Raw] = field(default_factory=list)
    total: int = 0


class WorklogPage(Struct, rename="camel"):
    """Answer of ``issue/{id}/worklog``; ``total`` may count the page only (Atlassian's OpenAPI document)."""

    worklogs: list[Raw] = field(default_factory=list)
    total: int = 0
    max_results: int = 0


class Page(Struct, rename="camel"):
    """A page with ``values``: most lists of the platform and of the agile side."""

    values: list[Raw] = field(default_factory=list)
    is_last: bool | None = None
    total: int | None = None


class WorklogMoment(Struct, rename="camel"):
    """A worklog and the instant (epoch ms) at which it was changed or deleted."""

    worklog_id: int
    updated_time: int


class WorklogFeed(Struct, rename="camel"):
    """Answer of ``worklog/updated`` and ``worklog/deleted``; instants are epoch ms."""

    values: list[WorklogMoment] = field(default_factory=list)
    until: int | None = None
    last_page: bool = True


class ErrorBody(Struct, rename="camel"):
    """The platform's error body, and the router's (``detail``)."""

    error_messages: list[str] = field(default_factory=list)
    errors: dict[str, object] = field(default_factory=dict)
    detail: str | None = None
