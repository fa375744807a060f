"""Projects with their components and versions."""

from dataclasses import dataclass
from datetime import date

from digital_spiral.domain.entities.mirror import JsonText


@dataclass(slots=True, kw_only=True)
class Project:
    """A Jira project (a "space" in Atlassian's newer wording)."""

    jira_id: int
    key: str
    name: str
    type_key: str | None
    simplified: bool
    lead_id: str | None
    archived: bool
    raw_jsonb: JsonText
    content_hash: bytes


@dataclass(slots=True, kw_only=True)
class Component:
    """A component of a project."""

    jira_id: int
    project_id: int
    name: str
    description: str | None
    lead_id: str | None
    raw_jsonb: JsonText
    content_hash: bytes


@dataclass(slots=True, kw_only=True)
class Version:
    """A version (release) of a project."""

    jira_id: int
    project_id: int
    name: str
    description: str | None
    archived: bool
    released: bool
    start_on: date | None
    release_on: date | None
    raw_jsonb: JsonText
    content_hash: bytes
