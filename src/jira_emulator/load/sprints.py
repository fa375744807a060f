"""Sprints and boards, derived from the sprint objects inside issues."""

import re
from collections import Counter
from typing import Literal

import orjson

from jira_emulator.load.shapes import an_object, instant, number, objects, text
from jira_emulator.model import Board, Sprint
from jira_emulator.site import Site
from jira_emulator.system_fields import SPRINT_FIELD
from jira_emulator.wire import Json, agile_timestamp

_States = Literal["future", "active", "closed"]
_STATES: dict[str, _States] = {"future": "future", "active": "active", "closed": "closed"}
_SERVER_SPRINT = re.compile(r"\.Sprint@[0-9a-f]+\[(.*)\]\Z", re.DOTALL)
_SERVER_PART = re.compile(r"(?:^|,)(\w+)=((?:(?!,\w+=).)*)", re.DOTALL)


class Sprints:
    """Finds or creates the sprints of a source.

    A sprint keeps the board the source names. Sprints without one, and projects without any board, get a scrum
    board of the project. That needs all sprints to be known: ``note`` all, ``settle_boards``, then ask for ``shapes``.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._projects: dict[int, Counter[str]] = {}
        self._shapes: dict[int, orjson.Fragment] = {}

    def note(self, fields: Json, project_id: str) -> list[Sprint]:
        """The sprints an issue was or is in, oldest first, each once."""
        found: dict[int, Sprint] = {}
        for raw in _raw_sprints(fields):
            sprint = self._sprint(raw)
            if sprint is not None:
                found[sprint.id] = sprint
                self._projects.setdefault(sprint.id, Counter())[project_id] += 1
        return list(found.values())

    def shapes(self, sprints: list[Sprint]) -> list[orjson.Fragment] | None:
        """The value of the Sprint field; ``None`` when there are no sprints."""
        for sprint in sprints:
            if sprint.id not in self._shapes:
                self._shapes[sprint.id] = orjson.Fragment(orjson.dumps(_render(sprint)))
        return [self._shapes[sprint.id] for sprint in sprints] or None

    def settle_boards(self) -> None:
        """Give every sprint a board and every project at least one."""
        by_board: dict[int, Counter[str]] = {}
        for sprint_id, projects in self._projects.items():
            board_id = self._site.sprints[sprint_id].board_id
            if board_id and board_id not in self._site.boards:
                by_board.setdefault(board_id, Counter()).update(projects)
        for board_id, projects in sorted(by_board.items()):
            project = self._site.projects[_most_common(projects)]
            self._site.boards[board_id] = Board(board_id, f"{project.key} board {board_id}", "scrum", project.id)
        homeless = [s for s in self._site.sprints.values() if not s.board_id]
        own: dict[str, Board] = {}
        for sprint in homeless:
            project_id = _most_common(self._projects[sprint.id])
            sprint.board_id = (own.get(project_id) or own.setdefault(project_id, self._new_board(project_id))).id
        boarded = {board.project_id for board in self._site.boards.values()}
        for project_id in self._site.projects:
            if project_id not in boarded:
                self._new_board(project_id)

    def _new_board(self, project_id: str) -> Board:
        board_id = max(self._site.boards, default=0) + 1
        board = Board(board_id, f"{self._site.projects[project_id].key} board", "scrum", project_id)
        self._site.boards[board_id] = board
        return board

    def _sprint(self, value: Json) -> Sprint | None:
        sprint_id = number(value.get("id"))
        state = _STATES.get((text(value.get("state")) or "").lower())
        if sprint_id is None or state is None:
            return None
        found = self._site.sprints.get(sprint_id)
        if found is None:
            boards = (number(value.get(name)) for name in ("originBoardId", "boardId", "rapidViewId"))
            found = self._site.sprints[sprint_id] = Sprint(
                sprint_id,
                next((board for board in boards if board), 0),
                text(value.get("name")) or f"Sprint {sprint_id}",
                state,
                created=instant(value.get("createdDate")),
                start=instant(value.get("startDate")),
                end=instant(value.get("endDate")),
                complete=instant(value.get("completeDate")),
                goal=text(value.get("goal")),
            )
        return found


def holds_sprints(value: object) -> bool:
    """Whether a custom field's value is a list of sprints, as Cloud (objects) or Server (strings) writes them."""
    first = value[0] if isinstance(value, list) and value else None
    if isinstance(first, dict):
        return {"id", "name", "state"} <= first.keys() and not first.keys().isdisjoint({"boardId", "originBoardId"})
    return isinstance(first, str) and _SERVER_SPRINT.search(first) is not None


def _raw_sprints(fields: Json) -> list[Json]:
    raw = [*objects(fields.get("closedSprints")), an_object(fields.get("sprint"))]
    for name, value in fields.items():
        if name.startswith("customfield_") and (name == SPRINT_FIELD or holds_sprints(value)):
            raw.extend(objects(value))
            strings = [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
            matches = [_SERVER_SPRINT.search(item) for item in strings]
            raw.extend({**_server_parts(match[1])} for match in matches if match is not None)
    return raw


def _server_parts(inside: str) -> dict[str, str]:
    parts = {part[1]: part[2] for part in _SERVER_PART.finditer(inside)}
    return {name: value for name, value in parts.items() if value != "<null>"}


def _most_common(projects: Counter[str]) -> str:
    return min(projects, key=lambda project_id: (-projects[project_id], project_id))


def _render(sprint: Sprint) -> Json:
    shape: Json = {
        "id": sprint.id,
        "name": sprint.name,
        "state": sprint.state,
        "boardId": sprint.board_id,
        "goal": sprint.goal or "",
    }
    times = {"startDate": sprint.start, "endDate": sprint.end, "completeDate": sprint.complete}
    shape |= {name: agile_timestamp(moment) for name, moment in times.items() if moment is not None}
    return shape
