"""The fields every Jira Cloud site has: its system fields and those that Jira Software adds.

Names, clause names, flags and schemas are those of `GET /rest/api/3/field` on a Cloud site of 2026 (English).
Story points differ from site to site; this site uses the plain number field that old company-managed sites have.
"""

from jira_emulator.model import Field

SPRINT_FIELD = "customfield_10020"
RANK_FIELD = "customfield_10019"
STORY_POINTS_FIELD = "customfield_10016"
EPIC_LINK_FIELD = "customfield_10014"
FLAGGED_FIELD = "customfield_10021"

CUSTOM_TYPE = "com.atlassian.jira.plugin.system.customfieldtypes"
"""Where Jira's own custom field types live; `schema.custom` is this, a colon and the type."""
_SOFTWARE = "com.pyxis.greenhopper.jira"


def _system(
    field_id: str,
    name: str,
    kind: str,
    clauses: tuple[str, ...] = (),
    *,
    items: str | None = None,
    flags: str = "ons",
) -> Field:
    """A system field; ``flags`` holds ``o``, ``n``, ``s`` for orderable, navigable, searchable."""
    schema: dict[str, object] = {}
    if kind:
        schema["type"] = kind
        if items is not None:
            schema["items"] = items
        schema["system"] = field_id
    return Field(field_id, name, schema, clauses, "o" in flags, "n" in flags, "s" in flags)


def custom_field(field_id: str, name: str, kind: str, custom: str, *, items: str | None = None) -> Field:
    """A custom field with the two clause names Jira gives it.

    Args:
        field_id: ``customfield_N``.
        name: The name people see.
        kind: ``schema.type``, such as ``string``, ``number``, ``array``, ``option``.
        custom: ``schema.custom``, the key of the field's type.
        items: ``schema.items`` of an array.
    """
    number = int(field_id.removeprefix("customfield_"))
    schema: dict[str, object] = {"type": kind}
    if items is not None:
        schema["items"] = items
    schema["custom"] = custom
    schema["customId"] = number
    return Field(field_id, name, schema, (f"cf[{number}]", name))


SYSTEM_FIELDS: tuple[Field, ...] = (
    _system(
        "statuscategorychangedate", "Status Category Changed", "datetime", ("statusCategoryChangedDate",), flags="ns"
    ),
    _system("issuetype", "Issue Type", "issuetype", ("issuetype", "type", "worktype")),
    _system("parent", "Parent", "", ("parent",)),
    _system("timespent", "Time Spent", "number", ("timespent",), flags="n"),
    _system("project", "Project", "project", ("project",), flags="ns"),
    _system("fixVersions", "Fix versions", "array", ("fixVersion",), items="version"),
    _system("aggregatetimespent", "Σ Time Spent", "number", flags="n"),
    _system("statusCategory", "Status Category", "statusCategory", ("statusCategory",), flags="ns"),
    _system("resolution", "Resolution", "resolution", ("resolution",)),
    _system("resolutiondate", "Resolved", "datetime", ("resolutiondate", "resolved"), flags="ns"),
    _system("workratio", "Work Ratio", "number", ("workratio",), flags="ns"),
    _system("lastViewed", "Last Viewed", "datetime", ("lastViewed",), flags="n"),
    _system("watches", "Watchers", "watches", ("watchers",), flags="n"),
    _system("issuerestriction", "Restrict to", "issuerestriction", flags="os"),
    _system("thumbnail", "Images", "", flags="n"),
    _system("created", "Created", "datetime", ("created", "createdDate"), flags="ns"),
    _system("priority", "Priority", "priority", ("priority",)),
    _system("labels", "Labels", "array", ("labels",), items="string"),
    _system("timeestimate", "Remaining Estimate", "number", ("remainingEstimate", "timeestimate"), flags="n"),
    _system("aggregatetimeoriginalestimate", "Σ Original Estimate", "number", flags="n"),
    _system("versions", "Affects versions", "array", ("affectedVersion",), items="version"),
    _system("issuelinks", "Linked Issues", "array", ("issueLink", "workItemLink"), items="issuelinks"),
    _system("assignee", "Assignee", "user", ("assignee",)),
    _system("updated", "Updated", "datetime", ("updated", "updatedDate"), flags="ns"),
    _system("status", "Status", "status", ("status",), flags="ns"),
    _system("components", "Components", "array", ("component",), items="component"),
    _system("issuekey", "Key", "", ("id", "issue", "issuekey", "key", "workItem", "workItemKey"), flags="n"),
    _system(
        "timeoriginalestimate", "Original estimate", "number", ("originalEstimate", "timeoriginalestimate"), flags="n"
    ),
    _system("description", "Description", "string", ("description",)),
    _system("timetracking", "Time tracking", "timetracking", flags="os"),
    _system("security", "Security Level", "securitylevel", ("level",)),
    _system("attachment", "Attachment", "array", ("attachments",), items="attachment", flags="os"),
    _system("aggregatetimeestimate", "Σ Remaining Estimate", "number", flags="n"),
    _system("summary", "Summary", "string", ("summary",)),
    _system("creator", "Creator", "user", ("creator",), flags="ns"),
    _system("subtasks", "Sub-tasks", "array", ("subtasks",), items="issuelinks", flags="n"),
    _system("reporter", "Reporter", "user", ("reporter",)),
    _system("aggregateprogress", "Σ Progress", "progress", flags="n"),
    _system("environment", "Environment", "string", ("environment",)),
    _system("duedate", "Due date", "date", ("due", "duedate")),
    _system("progress", "Progress", "progress", ("progress",), flags="n"),
    _system("votes", "Votes", "votes", ("votes",), flags="n"),
    _system("comment", "Comment", "comments-page", ("comment",), flags="os"),
    _system("worklog", "Log Work", "array", items="worklog", flags="os"),
)

AGILE_FIELDS: tuple[Field, ...] = (
    custom_field(SPRINT_FIELD, "Sprint", "array", f"{_SOFTWARE}:gh-sprint", items="json"),
    custom_field(RANK_FIELD, "Rank", "any", f"{_SOFTWARE}:gh-lexo-rank"),
    custom_field(STORY_POINTS_FIELD, "Story Points", "number", f"{CUSTOM_TYPE}:float"),
    custom_field(EPIC_LINK_FIELD, "Epic Link", "any", f"{_SOFTWARE}:gh-epic-link"),
    custom_field(FLAGGED_FIELD, "Flagged", "array", f"{CUSTOM_TYPE}:multicheckboxes", items="option"),
)
