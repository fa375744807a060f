"""The ``fields`` object of a finished issue."""

import orjson

from jira_emulator import wire
from jira_emulator.generate.adf import Writer, doc
from jira_emulator.generate.custom_fields import ValueDraw
from jira_emulator.generate.drafts import Attachment, Draft, Link
from jira_emulator.generate.draws import pick_skewed
from jira_emulator.generate.entries import duration, encode
from jira_emulator.generate.scenario import Scenario
from jira_emulator.model import (
    STATUS_CATEGORIES,
    Component,
    IssueType,
    Priority,
    Project,
    Resolution,
    Sprint,
    Status,
    User,
    Version,
)
from jira_emulator.system_fields import EPIC_LINK_FIELD, FLAGGED_FIELD, RANK_FIELD, SPRINT_FIELD, STORY_POINTS_FIELD
from jira_emulator.wire import BASE, Json, timestamp

_SURROGATE_MARK = "\ue000"
"""A private-use character that stands for the lone surrogate until the JSON text is written."""
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def lexo_rank(number: int) -> str:
    """A rank in the form of Jira's LexoRank; a larger number sorts later."""
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return f"0|i{digits:0>5}:"


class FieldsMaker:
    """Writes ``Issue.fields``; JSON that many issues share is encoded once."""

    def __init__(self, scenario: Scenario, writer: Writer, users: dict[str, orjson.Fragment]) -> None:
        self._scenario = scenario
        self._zone = scenario.site.zone
        self._writer = writer
        self._users = users
        self._custom = ValueDraw(scenario.custom, self._zone, users, scenario.prose)
        self._shared: dict[tuple[str, str], orjson.Fragment] = {}

    def write(self, draft: Draft) -> bytes:
        """The issue's fields as JSON text, without ``comment`` and ``worklog``."""
        text = encode(self._fields(draft))
        if draft.demand is not None and draft.demand.surrogate:
            # A lone surrogate cannot be encoded in UTF-8 but can be escaped in JSON text, and Jira does send it.
            text = text.replace(_SURROGATE_MARK.encode(), rb"\ud800")
        return text

    def _fields(self, draft: Draft) -> Json:
        rng = self._scenario.rng
        fields: Json = {
            "statuscategorychangedate": timestamp(draft.category_changed, self._zone),
            "issuetype": self._type(draft.type),
            "project": self._project(draft.setting.project),
            "fixVersions": [self._version(version) for version in draft.fix_versions],
            "versions": [self._version(pick_skewed(rng, draft.setting.versions))] if rng.random() < 0.2 else [],
            "resolution": None if draft.resolution is None else self._resolution(draft.resolution),
            "resolutiondate": None if draft.resolved is None else timestamp(draft.resolved, self._zone),
            "lastViewed": None if rng.random() < 0.9 else timestamp(draft.updated, self._zone),
            "watches": self._watches(draft),
            "issuerestriction": {
                "issuerestrictions": {},
                "shouldDisplay": draft.setting.kind.type_key != "service_desk",
            },
            "created": timestamp(draft.created, self._zone),
            "priority": self._priority(draft.priority),
            "labels": draft.labels,
            "issuelinks": [self._link(made, draft) for made in draft.links],
            "assignee": None if draft.assignee is None else self._users[draft.assignee.account_id],
            "updated": timestamp(draft.updated, self._zone),
            "status": self._status(draft.status),
            "statusCategory": wire.status_category(STATUS_CATEGORIES[draft.status.category_id]),
            "components": [self._component(part) for part in draft.components],
            "description": self._description(draft),
            "security": None,
            "attachment": [self._attachment(attachment) for attachment in draft.attachments],
            "summary": draft.summary,
            "creator": self._users[draft.creator.account_id],
            "subtasks": [self._reference(subtask) for subtask in draft.subtasks],
            "reporter": self._users[draft.reporter.account_id],
            "environment": self._writer.note() if draft.type.name == "Bug" and rng.random() < 0.3 else None,
            "duedate": draft.due,
            "votes": self._votes(draft),
        }
        if draft.parent is not None:
            fields["parent"] = self._reference(draft.parent)
        return {**fields, **_time(draft), **self._agile(draft), **self._custom_values(draft)}

    def _custom_values(self, draft: Draft) -> Json:
        rng = self._scenario.rng
        return self._custom.draw(rng, draft.created, draft.severity, pick_skewed(rng, draft.setting.team))

    def _agile(self, draft: Draft) -> Json:
        epic = draft.parent if draft.parent is not None and draft.parent.type.hierarchy_level > 0 else None
        return {
            SPRINT_FIELD: [self._sprint(sprint) for sprint in draft.sprints] or None,
            RANK_FIELD: lexo_rank(draft.id),
            STORY_POINTS_FIELD: draft.points,
            EPIC_LINK_FIELD: None if epic is None else epic.key,
            FLAGGED_FIELD: None,
        }

    def _description(self, draft: Draft) -> Json | None:
        demand = draft.demand
        if demand is None:
            return None if self._scenario.rng.random() < 0.03 else self._writer.description()
        if demand.description_bytes:
            return self._writer.of_size(demand.description_bytes)
        if demand.nul_in == "description":
            return self._writer.with_text("\x00\x00")
        if demand.surrogate:
            return self._writer.with_text(_SURROGATE_MARK)
        if demand.blank_description:
            return doc([])
        if demand.no_description:
            return None
        return self._writer.showcase() if demand.showcase else self._writer.description()

    def _watches(self, draft: Draft) -> Json:
        count = 1 + len(draft.comments) // 3
        return {
            "self": f"{BASE}/rest/api/3/issue/{draft.key}/watchers",
            "watchCount": min(count, len(self._users)),
            "isWatching": draft.reporter is self._scenario.people.caller,
        }

    def _votes(self, draft: Draft) -> Json:
        votes = int(self._scenario.rng.random() ** 12 * 40)
        return {"self": f"{BASE}/rest/api/3/issue/{draft.key}/votes", "votes": votes, "hasVoted": False}

    def _reference(self, draft: Draft) -> Json:
        """The short form in which an issue appears inside another one."""
        fields: Json = {
            "summary": draft.summary,
            "status": self._status(draft.status),
            "priority": self._priority(draft.priority),
            "issuetype": self._type(draft.type),
        }
        return {
            "id": str(draft.id),
            "key": draft.key,
            "self": f"{BASE}/rest/api/3/issue/{draft.id}",
            "fields": fields,
        }

    def _link(self, made: Link, draft: Draft) -> Json:
        outward = made.source is draft
        return {
            "id": made.id,
            "self": f"{BASE}/rest/api/3/issueLink/{made.id}",
            "type": wire.link_type(made.type),
            "outwardIssue" if outward else "inwardIssue": self._reference(made.target if outward else made.source),
        }

    def _attachment(self, attachment: Attachment) -> Json:
        shape: Json = {
            "self": f"{BASE}/rest/api/3/attachment/{attachment.id}",
            "id": attachment.id,
            "filename": attachment.name,
            "author": self._users[attachment.author.account_id],
            "created": timestamp(attachment.created, self._zone),
            "size": attachment.size,
            "mimeType": attachment.mime_type,
            "content": f"{BASE}/rest/api/3/attachment/content/{attachment.id}",
        }
        if attachment.mime_type.startswith("image/"):
            shape["thumbnail"] = f"{BASE}/rest/api/3/attachment/thumbnail/{attachment.id}"
        return shape

    def _once(self, kind: str, value_id: str, shape: Json) -> orjson.Fragment:
        fragment = self._shared[kind, value_id] = orjson.Fragment(orjson.dumps(shape))
        return fragment

    def _type(self, value: IssueType) -> orjson.Fragment:
        return self._shared.get(("type", value.id)) or self._once("type", value.id, wire.issue_type(value))

    def _project(self, value: Project) -> orjson.Fragment:
        return self._shared.get(("project", value.id)) or self._once("project", value.id, wire.project(value))

    def _status(self, value: Status) -> orjson.Fragment:
        return self._shared.get(("status", value.id)) or self._once("status", value.id, wire.status(value))

    def _priority(self, value: Priority | None) -> orjson.Fragment | None:
        if value is None:
            return None
        return self._shared.get(("priority", value.id)) or self._once("priority", value.id, wire.priority(value))

    def _resolution(self, value: Resolution) -> orjson.Fragment:
        known = self._shared.get(("resolution", value.id))
        return known or self._once("resolution", value.id, wire.resolution(value))

    def _sprint(self, value: Sprint) -> orjson.Fragment:
        return self._shared.get(("sprint", str(value.id))) or self._once("sprint", str(value.id), sprint(value))

    def _version(self, value: Version) -> orjson.Fragment:
        return self._shared.get(("version", value.id)) or self._once("version", value.id, wire.version(value))

    def _component(self, value: Component) -> orjson.Fragment:
        return self._shared.get(("component", value.id)) or self._once("component", value.id, wire.component(value))


def sprint(value: Sprint) -> Json:
    """A sprint as the sprint field of an issue holds it."""
    shape: Json = {
        "id": value.id,
        "name": value.name,
        "state": value.state,
        "boardId": value.board_id,
        "goal": value.goal or "",
    }
    dates = (("startDate", value.start), ("endDate", value.end), ("completeDate", value.complete))
    shape.update((name, wire.agile_timestamp(instant)) for name, instant in dates if instant is not None)
    return shape


def user_fragments(users: dict[str, User]) -> dict[str, orjson.Fragment]:
    """The embedded JSON of every account, encoded once."""
    return {account_id: orjson.Fragment(orjson.dumps(wire.user(account))) for account_id, account in users.items()}


def _time(draft: Draft) -> Json:
    """Time tracking; aggregates add up the issue and its sub-tasks."""
    family = (draft, *draft.subtasks)
    tracking: Json = {}
    pairs = (("originalEstimate", draft.estimate), ("remainingEstimate", draft.remaining), ("timeSpent", draft.spent))
    for name, seconds in pairs:
        if seconds is not None:
            tracking[name] = duration(seconds)
            tracking[f"{name}Seconds"] = seconds
    spent, left = _total([one.spent for one in family]), _total([one.remaining for one in family])
    return {
        "timespent": draft.spent,
        "timeestimate": draft.remaining,
        "timeoriginalestimate": draft.estimate,
        "aggregatetimespent": spent,
        "aggregatetimeestimate": left,
        "aggregatetimeoriginalestimate": _total([one.estimate for one in family]),
        "workratio": -1 if not draft.estimate else (draft.spent or 0) * 100 // draft.estimate,
        "timetracking": tracking,
        "progress": _progress(draft.spent, draft.remaining),
        "aggregateprogress": _progress(spent, left),
    }


def _total(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _progress(spent: int | None, left: int | None) -> Json:
    done, total = spent or 0, (spent or 0) + (left or 0)
    return {"progress": done, "total": total, "percent": done * 100 // total} if total else {"progress": 0, "total": 0}
