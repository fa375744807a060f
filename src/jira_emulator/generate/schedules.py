"""When an issue is worked on: through the sprints of a scrum board, or by waiting and cycle time elsewhere."""

from bisect import bisect_right
from dataclasses import dataclass, field
from random import Random

from jira_emulator.generate.drafts import Draft
from jira_emulator.generate.draws import DAY, HOUR, MINUTE, between
from jira_emulator.model import Sprint

_NEVER_FINISHED = 0.06
_NEVER_STARTED = 0.08
"""Shares of the issues that were started and abandoned, and that nobody ever took up."""


@dataclass(slots=True)
class Schedule:
    """Instants in an issue's life; ``start`` and ``end`` of work are ``None`` while they lie ahead."""

    start: int | None = None
    end: int | None = None
    sprints: list[tuple[int, Sprint]] = field(default_factory=list)
    """When the issue was put into which sprint."""


def schedule(rng: Random, draft: Draft, reference: int) -> Schedule:
    """Draw the schedule of an issue; nothing lies after ``reference``."""
    if rng.random() < _NEVER_STARTED:
        return Schedule()
    in_sprints = draft.setting.sprints and draft.type.hierarchy_level == 0
    if in_sprints and rng.random() < 0.85:
        return _through_sprints(rng, draft, reference)
    return _by_duration(rng, draft, reference)


def _by_duration(rng: Random, draft: Draft, reference: int) -> Schedule:
    slow = 2.2 if draft.type.hierarchy_level > 0 else 0.0
    start = draft.created + MINUTE + int(rng.lognormvariate(0.3 + slow / 2, 1.3) * DAY)
    if start >= reference:
        return Schedule()
    end = start + MINUTE + int(rng.lognormvariate(0.8 + slow, 1.2) * DAY)
    return Schedule(start, end if end < reference and rng.random() > _NEVER_FINISHED else None)


def _through_sprints(rng: Random, draft: Draft, reference: int) -> Schedule:
    created = draft.created
    sprints = draft.setting.sprints
    first = bisect_right(sprints, created + HOUR, key=_close) + int(rng.expovariate(0.9))
    if first >= len(sprints):
        return Schedule()
    chain = [(_planned(rng, created, sprints[first], reference), sprints[first])]
    while chain[-1][1].state == "closed" and rng.random() < 0.2:
        chain.append((_close(chain[-1][1]), sprints[sprints.index(chain[-1][1]) + 1]))
    entered, last = chain[-1]
    if last.state == "future":
        return Schedule(sprints=chain)
    begin = max(chain[0][0], chain[0][1].start or 0) + MINUTE
    finish = min(_close(last), reference)
    finished = rng.random() < (0.95 if last.state == "closed" else 0.4)
    end = between(rng, max(begin, entered) + MINUTE, finish - MINUTE) if finished else None
    start = between(rng, begin, end or finish - MINUTE)
    if not finished and last.state == "active" and rng.random() < 0.3:
        return Schedule(sprints=chain)
    return Schedule(start, end, chain)


def _close(sprint: Sprint) -> int:
    """When the sprint was, or is to be, completed; an unplanned one lies beyond every instant."""
    return sprint.complete or sprint.end or 1 << 62


def _planned(rng: Random, created: int, sprint: Sprint, reference: int) -> int:
    earliest = created + MINUTE
    latest = min(_close(sprint), reference) - 10 * MINUTE
    if sprint.state == "future" or sprint.start is None:
        return between(rng, earliest, latest)
    if earliest < sprint.start:
        return max(earliest, sprint.start - int(rng.random() * 4 * DAY))
    return between(rng, earliest, latest)
