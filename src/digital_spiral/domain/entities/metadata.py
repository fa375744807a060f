"""The site's vocabulary: statuses, priorities, resolutions, issue types, custom fields.

Names are localised to the connected account; everything keys on the id.
"""

from dataclasses import dataclass

from digital_spiral.domain.entities.mirror import JsonText


@dataclass(slots=True, kw_only=True)
class Status:
    """A status; ``category`` is Jira's category key: ``new``, ``indeterminate``, ``done`` or ``undefined``."""

    jira_id: str
    name: str
    category: str
    raw_jsonb: JsonText
    content_hash: bytes


@dataclass(slots=True, kw_only=True)
class Priority:
    """A priority; ``position`` counts from 0 in Jira's order, highest first."""

    jira_id: str
    name: str
    position: int
    raw_jsonb: JsonText
    content_hash: bytes


@dataclass(slots=True, kw_only=True)
class Resolution:
    """A resolution."""

    jira_id: str
    name: str
    raw_jsonb: JsonText
    content_hash: bytes


@dataclass(slots=True, kw_only=True)
class IssueType:
    """An issue type; ``hierarchy_level`` is -1 for sub-tasks, 0 for standard types, 1 for epics."""

    jira_id: str
    name: str
    subtask: bool
    hierarchy_level: int
    raw_jsonb: JsonText
    content_hash: bytes


@dataclass(slots=True, kw_only=True)
class CustomField:
    """A custom field; ``schema_custom`` is the type key of the app that made it."""

    jira_id: str
    name: str
    schema_type: str | None
    schema_items: str | None
    schema_custom: str | None
    raw_jsonb: JsonText
    content_hash: bytes
