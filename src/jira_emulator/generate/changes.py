"""The changes an issue can undergo: each alters the draft and returns the history items that say so.

Item shapes follow Jira Cloud: ids (or nothing) in ``from`` and ``to``, names in the strings; whole sets for labels
and sprints, one item per version; no ``fieldId`` on ``Link``, ``Key``, ``Workflow``, ``WorklogId`` and
``IssueParentAssociation``. A change that would change nothing returns no item.
"""

from jira_emulator.generate.custom_fields import Option
from jira_emulator.generate.drafts import Attachment, Draft, Link
from jira_emulator.generate.scenario import Setting
from jira_emulator.generate.workflows import DONE_CATEGORY, Workflow
from jira_emulator.model import Field, IssueType, Priority, Resolution, Sprint, Status, User, Version
from jira_emulator.system_fields import RANK_FIELD, SPRINT_FIELD, STORY_POINTS_FIELD

Item = dict[str, str | None]
Value = tuple[str | None, str | None]
"""The two halves of one side of an item: id and text."""

_NOTHING: Value = (None, None)


def _item(field: str, before: Value, after: Value, field_id: str | None = None, fieldtype: str = "jira") -> Item:
    item: Item = {"field": field, "fieldtype": fieldtype}
    if field_id is not None:
        item["fieldId"] = field_id
    item["from"], item["fromString"] = before
    item["to"], item["toString"] = after
    return item


def _named(value: Status | Priority | Resolution | IssueType | Version | None) -> Value:
    return _NOTHING if value is None else (value.id, value.name)


def transition(draft: Draft, status: Status, at: int, resolution: Resolution) -> list[Item]:
    """Move to another status; entering category Done resolves the issue, leaving it reopens it."""
    before = draft.status
    if status is before:
        return []
    items = [_item("status", _named(before), _named(status), "status")]
    draft.status = status
    if status.category_id != before.category_id:
        draft.category_changed = at
    outcome = resolution if status.category_id == DONE_CATEGORY else None
    if (outcome is None) != (draft.resolution is None):
        items.insert(0, _item("resolution", _named(draft.resolution), _named(outcome), "resolution"))
        draft.resolution = outcome
        draft.resolved = None if outcome is None else at
    return items


def assign(draft: Draft, user: User | None) -> list[Item]:
    """Hand the issue to somebody, or to nobody."""
    before = draft.assignee
    if user is before:
        return []
    draft.assignee = user
    sides = [_NOTHING if who is None else (who.account_id, who.display_name) for who in (before, user)]
    return [_item("assignee", sides[0], sides[1], "assignee")]


def prioritise(draft: Draft, priority: Priority) -> list[Item]:
    """Set another priority."""
    before = draft.priority
    if priority is before:
        return []
    draft.priority = priority
    return [_item("priority", _named(before), _named(priority), "priority")]


def rename(draft: Draft, summary: str) -> list[Item]:
    """Set another summary."""
    before, draft.summary = draft.summary, summary
    return [] if before == summary else [_item("summary", (None, before), (None, summary), "summary")]


def relabel(draft: Draft, label: str) -> list[Item]:
    """Add a label, or remove it when the issue carries it."""
    before = draft.labels
    draft.labels = tuple(kept for kept in before if kept != label) if label in before else (*before, label)
    return [_item("labels", (None, " ".join(before)), (None, " ".join(draft.labels)), "labels")]


def estimate(draft: Draft, points: float, field: Field) -> list[Item]:
    """Set the story points."""
    before = draft.points
    if points == before:
        return []
    draft.points = points
    old = None if before is None else f"{before:g}"
    return [_item(field.name, (None, old), (None, f"{points:g}"), STORY_POINTS_FIELD, "custom")]


def enter_sprint(draft: Draft, sprint: Sprint) -> list[Item]:
    """Put the issue into a sprint; closed sprints it was in stay listed."""
    before = _sprint_value(draft.sprints)
    draft.sprints.append(sprint)
    return [_item("Sprint", before, _sprint_value(draft.sprints), SPRINT_FIELD, "custom")]


def _sprint_value(sprints: list[Sprint]) -> Value:
    return ", ".join(str(sprint.id) for sprint in sprints), ", ".join(sprint.name for sprint in sprints)


def toggle_version(draft: Draft, version: Version) -> list[Item]:
    """Plan the issue for a version, or take it out again."""
    if version in draft.fix_versions:
        draft.fix_versions.remove(version)
        return [_item("Fix Version", _named(version), _NOTHING, "fixVersions")]
    draft.fix_versions.append(version)
    return [_item("Fix Version", _NOTHING, _named(version), "fixVersions")]


def grade(draft: Draft, severity: Option, field: Field) -> list[Item]:
    """Set the severity, a single select field."""
    before = draft.severity
    if severity is before:
        return []
    draft.severity = severity
    old = _NOTHING if before is None else (before.id, before.value)
    return [_item(field.name, old, (severity.id, severity.value), field.id, "custom")]


def schedule(draft: Draft, due: str) -> list[Item]:
    """Set the due date (``YYYY-MM-DD``)."""
    before = draft.due
    if due == before:
        return []
    draft.due = due
    old = _NOTHING if before is None else (before, f"{before} 00:00:00.0")
    return [_item("duedate", old, (due, f"{due} 00:00:00.0"), "duedate")]


def rank(draft: Draft) -> list[Item]:
    """Move the issue on its board; the history names neither place."""
    return [_item("Rank", ("", ""), ("", f"Ranked {'higher' if draft.id % 2 else 'lower'}"), RANK_FIELD, "custom")]


def adopt(draft: Draft, parent: Draft) -> list[Item]:
    """Put the issue below an epic."""
    before = draft.parent
    draft.parent = parent
    old = _NOTHING if before is None else (str(before.id), before.key)
    return [_item("IssueParentAssociation", old, (str(parent.id), parent.key))]


def attach(draft: Draft, attachment: Attachment) -> list[Item]:
    """Add a file."""
    draft.attachments.append(attachment)
    return [_item("Attachment", _NOTHING, (attachment.id, attachment.name), "attachment")]


def link(draft: Draft, made: Link) -> list[Item]:
    """Note a link on one of its two issues."""
    other, reading = (made.target, made.type.outward) if made.source is draft else (made.source, made.type.inward)
    return [_item("Link", _NOTHING, (other.key, f"This issue {reading} {other.key}"))]


def log_work(draft: Draft, seconds: int, worklog_id: int) -> list[Item]:
    """Add the time of a worklog to the time spent and take it off the remaining estimate."""
    spent, left = draft.spent, draft.remaining
    draft.spent = (spent or 0) + seconds
    items: list[Item] = []
    if left is not None and left > 0:
        draft.remaining = max(0, left - seconds)
        items.append(_item("timeestimate", _seconds(left), _seconds(draft.remaining), "timeestimate"))
    items.append(_item("timespent", _seconds(spent), _seconds(draft.spent), "timespent"))
    items.append(_item("WorklogId", _NOTHING, (str(worklog_id), str(worklog_id))))
    return items


def _seconds(value: int | None) -> Value:
    return _NOTHING if value is None else (str(value), str(value))


def move(draft: Draft, origin: Setting, before: tuple[IssueType, Status, Workflow]) -> list[Item]:
    """Arrive from another project: key, project and, where they differ, type, workflow and status."""
    kind, status, workflow = before
    items = [
        _item("Key", (None, draft.old_key), (None, draft.key)),
        _item(
            "project",
            (origin.project.id, origin.project.name),
            (draft.setting.project.id, draft.setting.project.name),
            "project",
        ),
    ]
    if kind is not draft.type:
        items.append(_item("issuetype", _named(kind), _named(draft.type), "issuetype"))
    target = draft.setting.workflows[draft.type.id]
    if workflow is not target:
        items.append(_item("Workflow", (workflow.id, workflow.name), (target.id, target.name)))
    if status is not draft.status:
        items.append(_item("status", _named(status), _named(draft.status), "status"))
    return items
