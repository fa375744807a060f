"""Boards and sprints."""

from dataclasses import dataclass
from datetime import datetime

from digital_spiral.domain.entities.mirror import JsonText


@dataclass(slots=True, kw_only=True)
class Board:
    """An agile board."""

    jira_id: int
    name: str
    type: str
    project_id: int | None
    raw_jsonb: JsonText
    content_hash: bytes


@dataclass(slots=True, kw_only=True)
class Sprint:
    """A sprint; ``board_id`` is the board it was made on."""

    jira_id: int
    board_id: int | None
    name: str
    state: str
    start_at: datetime | None
    end_at: datetime | None
    completed_at: datetime | None
    goal: str | None
    raw_jsonb: JsonText
    content_hash: bytes
