"""The fields of an issue as Jira Cloud (v3) answers them, made from what a v2 or v3 source holds."""

from collections import Counter
from dataclasses import dataclass, field

import orjson

from jira_emulator import wire
from jira_emulator.load.children import document
from jira_emulator.load.custom_fields import CustomFields
from jira_emulator.load.shapes import an_object, instant, number, objects, text
from jira_emulator.load.survey import Head, Survey
from jira_emulator.model import STATUS_CATEGORIES
from jira_emulator.system_fields import (
    AGILE_FIELDS,
    EPIC_LINK_FIELD,
    FLAGGED_FIELD,
    RANK_FIELD,
    SPRINT_FIELD,
    STORY_POINTS_FIELD,
    SYSTEM_FIELDS,
)
from jira_emulator.wire import BASE, Json, timestamp

_UNDERSTOOD = frozenset(f.id for f in SYSTEM_FIELDS) | {"closedSprints", "sprint", "epic", "flagged"}
_TIMES = (
    "timespent",
    "timeestimate",
    "timeoriginalestimate",
    "aggregatetimespent",
    "aggregatetimeestimate",
    "aggregatetimeoriginalestimate",
)
_TIME_TEXTS = ("originalEstimate", "remainingEstimate", "timeSpent")
_IMPEDIMENT: Json = {"self": f"{BASE}/rest/api/3/customFieldOption/10019", "value": "Impediment", "id": "10019"}


@dataclass
class FieldWriter:
    """Writes the ``fields`` of one issue after the other."""

    survey: Survey
    links: set[int] = field(default_factory=set)
    """Ids of the links met; a link between two loaded issues is met twice."""
    attachments: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """How often each part of the source had no place in the answer, by name."""
    custom: CustomFields = field(init=False)

    def __post_init__(self) -> None:
        site = self.survey.site
        for known in (*SYSTEM_FIELDS, *AGILE_FIELDS):
            site.fields.setdefault(known.id, known)
        self.custom = CustomFields(site, self.survey.registry.users)
        self._zone = site.zone

    def write(self, head: Head, raw: Json, created: int, updated: int) -> Json:
        """Every field but ``comment`` and ``worklog``; what the source lacks is ``null`` or empty, as on Jira."""
        registry, users = self.survey.registry, self.survey.registry.users
        resolved = instant(raw.get("resolutiondate"))
        work_ratio = raw.get("workratio")
        fields: Json = {
            "statuscategorychangedate": self._time(raw.get("statuscategorychangedate"))
            or timestamp(created if resolved is None else resolved, self._zone),
            "issuetype": registry.shape(head.issue_type),
            "project": registry.shape(head.project),
            "fixVersions": self._versions(raw.get("fixVersions"), head),
            "statusCategory": wire.status_category(STATUS_CATEGORIES[head.status.category_id]),
            "resolution": registry.shape(registry.resolution(raw.get("resolution"))),
            "resolutiondate": None if resolved is None else timestamp(resolved, self._zone),
            "workratio": work_ratio if isinstance(work_ratio, int) else -1,
            "watches": self._watches(raw, head),
            "lastViewed": None,
            "issuerestriction": {"issuerestrictions": {}, "shouldDisplay": False},
            "created": timestamp(created, self._zone),
            "priority": registry.shape(head.priority),
            "labels": [label for label in _strings(raw.get("labels")) if label],
            "versions": self._versions(raw.get("versions"), head),
            "issuelinks": self._links(raw, head),
            "assignee": users.shape(raw.get("assignee")),
            "updated": timestamp(updated, self._zone),
            "status": registry.shape(head.status),
            "components": self._components(raw, head),
            "description": document(raw.get("description"), users),
            "security": self.custom.convert(an_object(raw.get("security"))) or None,
            "attachment": self._attachments(raw, created),
            "summary": head.summary,
            "creator": users.shape(raw.get("creator")),
            "subtasks": self._subtasks(head),
            "reporter": users.shape(raw.get("reporter")),
            "environment": document(raw.get("environment"), users),
            "duedate": text(raw.get("duedate")),
            "votes": self._votes(raw, head),
        }
        fields |= _time_tracking(raw)
        parent = self.survey.parent(head)
        if parent is not None:
            fields["parent"] = self._parent(head, parent[0])
        fields |= self._agile_fields(head, raw, linked=parent is not None)
        self.left_out.update(f"field {name}" for name in raw if name not in _UNDERSTOOD and "customfield_" not in name)
        return fields

    def _time(self, value: object) -> str | None:
        moment = instant(value)
        return None if moment is None else timestamp(moment, self._zone)

    def _versions(self, value: object, head: Head) -> list[orjson.Fragment | None]:
        registry = self.survey.registry
        found = (registry.version(raw, head.project.id) for raw in objects(value))
        return [registry.shape(version) for version in found if version is not None]

    def _components(self, raw: Json, head: Head) -> list[orjson.Fragment | None]:
        registry = self.survey.registry
        found = (registry.component(item, head.project.id) for item in objects(raw.get("components")))
        return [registry.shape(component) for component in found if component is not None]

    def _watches(self, raw: Json, head: Head) -> Json:
        count = number(an_object(raw.get("watches")).get("watchCount")) or 0
        return {"self": f"{BASE}/rest/api/3/issue/{head.key}/watchers", "watchCount": count, "isWatching": False}

    def _votes(self, raw: Json, head: Head) -> Json:
        count = number(an_object(raw.get("votes")).get("votes")) or 0
        return {"self": f"{BASE}/rest/api/3/issue/{head.key}/votes", "votes": count, "hasVoted": False}

    def _parent(self, head: Head, parent_id: int) -> object:
        loaded = self.survey.heads.get(parent_id)
        return self.survey.reference(head.parent) if loaded is None else self.survey.reference_to(loaded)

    def _subtasks(self, head: Head) -> list[orjson.Fragment]:
        children = self.survey.children.get(head.id, [])
        return [self.survey.reference_to(self.survey.heads[child]) for child in children]

    def _links(self, raw: Json, head: Head) -> list[Json]:
        found: dict[tuple[int, str], Json] = {}
        for link in objects(raw.get("issuelinks")):
            kind = self.survey.registry.link_type(link.get("type"))
            link_id = number(link.get("id"))
            side = "inwardIssue" if link.get("inwardIssue") else "outwardIssue"
            other = self.survey.reference(link.get(side))
            if kind is None or link_id is None or other is None:
                self.left_out["issue link without id, type or issue"] += 1
                continue
            self.links.add(link_id)
            found[link_id, side] = {
                "id": str(link_id),
                "self": f"{BASE}/rest/api/3/issueLink/{link_id}",
                "type": self.survey.registry.shape(kind),
                side: other,
            }
        return list(found.values())

    def _attachments(self, raw: Json, created: int) -> list[Json]:
        found: list[Json] = []
        for item in objects(raw.get("attachment")):
            attachment_id = number(item.get("id"))
            if attachment_id is None:
                self.left_out["attachment without id"] += 1
                continue
            moment = instant(item.get("created"))
            kind = text(item.get("mimeType")) or "application/octet-stream"
            shape: Json = {
                "self": f"{BASE}/rest/api/3/attachment/{attachment_id}",
                "id": str(attachment_id),
                "filename": text(item.get("filename")) or f"attachment-{attachment_id}",
                "created": timestamp(created if moment is None else moment, self._zone),
                "size": number(item.get("size")) or 0,
                "mimeType": kind,
                "content": f"{BASE}/rest/api/3/attachment/content/{attachment_id}",
            }
            author = self.survey.registry.users.shape(item.get("author"))
            if author is not None:
                shape["author"] = author
            if kind.startswith("image/"):
                shape["thumbnail"] = f"{BASE}/rest/api/3/attachment/thumbnail/{attachment_id}"
            found.append(shape)
        self.attachments += len(found)
        return found

    def _agile_fields(self, head: Head, raw: Json, *, linked: bool) -> Json:
        fields: Json = {
            EPIC_LINK_FIELD: None if linked else text(head.epic.get("key")),
            STORY_POINTS_FIELD: None,
            RANK_FIELD: f"0|i{head.id:08x}:",
            FLAGGED_FIELD: [_IMPEDIMENT] if raw.get("flagged") is True else None,
        }
        fields |= self.custom.collect(raw)
        fields[SPRINT_FIELD] = self.survey.sprints.shapes(head.sprints)
        return fields


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _time_tracking(raw: Json) -> Json:
    """Estimates and time spent, in seconds and in words, with the progress that follows from them."""
    seconds = {name: number(raw.get(name)) for name in _TIMES}
    fields: Json = dict(seconds)
    given = an_object(raw.get("timetracking"))
    fields["timetracking"] = {name: value for name, value in given.items() if name.startswith(_TIME_TEXTS)}
    for name, prefix in (("progress", ""), ("aggregateprogress", "aggregate")):
        spent = seconds[f"{prefix}timespent"] or 0
        total = spent + (seconds[f"{prefix}timeestimate"] or 0)
        fields[name] = {"progress": spent, "total": total} | ({"percent": 100 * spent // total} if total else {})
    return fields
