"""What belongs to the site rather than to one issue: Jira's JSON to the rows of the copy.

Each function takes one thing's JSON text and raises ``UnreadableAnswer`` where it lacks what the copy needs.
"""

from typing import TypeVar

from digital_spiral.domain.entities.agile import Board, Sprint
from digital_spiral.domain.entities.metadata import CustomField, IssueType, Priority, Resolution, Status
from digital_spiral.domain.entities.project import Component, Project, Version
from digital_spiral.domain.entities.user import User
from digital_spiral.domain.services.digest import VOLATILE_KEYS, digest
from digital_spiral.infrastructure.external.jira import wire_site
from digital_spiral.infrastructure.external.jira.decoding import convert, decode_object
from digital_spiral.infrastructure.external.jira.times import day_or_none, instant_or_none

Shape = TypeVar("Shape")


def _read(text: bytes, shape: type[Shape]) -> tuple[Shape, bytes]:
    """The known part, and the digest of the whole."""
    document = decode_object(text)
    lasting = {key: value for key, value in document.items() if key not in VOLATILE_KEYS}
    return convert(document, shape), digest(lasting)


def project(text: bytes) -> Project:
    """A project of ``project/search`` with its lead expanded."""
    one, content_hash = _read(text, wire_site.Project)
    return Project(
        jira_id=one.id,
        key=one.key,
        name=one.name,
        type_key=one.project_type_key,
        simplified=one.simplified,
        lead_id=_account(one.lead),
        archived=one.archived,
        raw_jsonb=text,
        content_hash=content_hash,
    )


def component(text: bytes, project_id: int) -> Component:
    """A component of a project."""
    one, content_hash = _read(text, wire_site.Component)
    return Component(
        jira_id=one.id,
        project_id=project_id,
        name=one.name,
        description=one.description,
        lead_id=_account(one.lead),
        raw_jsonb=text,
        content_hash=content_hash,
    )


def version(text: bytes, project_id: int) -> Version:
    """A version of a project."""
    one, content_hash = _read(text, wire_site.Version)
    return Version(
        jira_id=one.id,
        project_id=project_id,
        name=one.name,
        description=one.description,
        archived=one.archived,
        released=one.released,
        start_on=day_or_none(one.start_date),
        release_on=day_or_none(one.release_date),
        raw_jsonb=text,
        content_hash=content_hash,
    )


def user(text: bytes) -> User:
    """An account of ``users/search``, its address already hashed."""
    one, content_hash = _read(text, wire_site.User)
    return User(
        jira_id=one.account_id,
        display_name=one.display_name or "",
        email_hash=one.email_address or None,
        active=one.active,
        account_type=one.account_type,
        time_zone=one.time_zone,
        raw_jsonb=text,
        content_hash=content_hash,
    )


def status(text: bytes) -> Status:
    """A status."""
    one, content_hash = _read(text, wire_site.Status)
    category = "undefined" if one.status_category is None else one.status_category.key
    return Status(jira_id=one.id, name=one.name, category=category, raw_jsonb=text, content_hash=content_hash)


def priority(text: bytes, position: int) -> Priority:
    """A priority, at its place in Jira's order."""
    one, content_hash = _read(text, wire_site.Named)
    # The place is no part of what Jira says of the priority itself, and moves when another is inserted.
    content_hash = digest([content_hash.hex(), position])
    return Priority(jira_id=one.id, name=one.name, position=position, raw_jsonb=text, content_hash=content_hash)


def resolution(text: bytes) -> Resolution:
    """A resolution."""
    one, content_hash = _read(text, wire_site.Named)
    return Resolution(jira_id=one.id, name=one.name, raw_jsonb=text, content_hash=content_hash)


def issue_type(text: bytes) -> IssueType:
    """An issue type; where Jira names no level, sub-tasks are on -1 and all others on 0."""
    one, content_hash = _read(text, wire_site.IssueType)
    level = one.hierarchy_level
    if level is None:
        level = -1 if one.subtask else 0
    return IssueType(
        jira_id=one.id,
        name=one.name,
        subtask=one.subtask,
        hierarchy_level=level,
        raw_jsonb=text,
        content_hash=content_hash,
    )


def custom_field(text: bytes) -> CustomField | None:
    """A custom field by its untranslated name; ``None`` for a system field."""
    one, content_hash = _read(text, wire_site.CustomField)
    if not one.custom:
        return None
    schema = one.schema or wire_site.FieldSchema()
    return CustomField(
        jira_id=one.id,
        name=one.untranslated_name or one.name,
        schema_type=schema.type,
        schema_items=schema.items,
        schema_custom=schema.custom,
        raw_jsonb=text,
        content_hash=content_hash,
    )


def board(text: bytes) -> Board:
    """A board; one that lives with a person has no project."""
    one, content_hash = _read(text, wire_site.Board)
    return Board(
        jira_id=one.id,
        name=one.name,
        type=one.type,
        project_id=None if one.location is None else one.location.project_id,
        raw_jsonb=text,
        content_hash=content_hash,
    )


def sprint(text: bytes, board_id: int) -> Sprint:
    """A sprint, of the board it was made on; ``board_id`` is the board it was read from."""
    one, content_hash = _read(text, wire_site.Sprint)
    return Sprint(
        jira_id=one.id,
        board_id=one.origin_board_id if one.origin_board_id is not None else board_id,
        name=one.name,
        state=one.state,
        start_at=instant_or_none(one.start_date),
        end_at=instant_or_none(one.end_date),
        completed_at=instant_or_none(one.complete_date),
        goal=one.goal,
        raw_jsonb=text,
        content_hash=content_hash,
    )


def _account(person: wire_site.AccountRef | None) -> str | None:
    return None if person is None else person.account_id or None
