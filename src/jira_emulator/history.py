"""Histories that lead to an issue's present state: a stand-in for changelogs that a source does not have.

What is made is plausible, not true. It is consistent: replaying the items of a field in order, each starting from
the value the one before left, ends at the issue's present value; times are ascending and lie between creation and
last update; the last closing transition carries the resolution and happens at the resolution date.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

from jira_emulator import wire
from jira_emulator.model import Resolution, Sprint, Status, User, Version
from jira_emulator.system_fields import SPRINT_FIELD
from jira_emulator.wire import Json

_NEW = 2
_DONE = 3


@dataclass(slots=True)
class Present:
    """What an issue is now, as far as histories tell; instants are epoch milliseconds."""

    issue_id: int
    created: int
    updated: int
    status: Status
    workflow: Sequence[Status] = ()
    """The statuses such an issue can have, in the order of the workflow; the first of category "new" is initial."""
    resolution: Resolution | None = None
    resolved: int | None = None
    past_resolution: Resolution | None = None
    """What an issue that was reopened had been resolved with."""
    assignee: User | None = None
    people: Sequence[User] = ()
    """Who may have changed the issue."""
    sprints: Sequence[Sprint] = ()
    fix_versions: Sequence[Version] = ()
    parent: tuple[str, str] | None = None
    """Id and key of a parent that was given after creation (an epic; a sub-task is born with its parent)."""


@dataclass(slots=True)
class Change:
    """One history: what one person changed at one moment. ``items`` are as Jira answers them."""

    id: int
    created: int
    author: User | None
    items: list[Json]


def synthesise(present: Present, seed: int, ids: Iterator[int]) -> list[Change]:
    """Invent the changes that made an issue what it is.

    The outcome depends on ``seed`` and ``present`` alone, but for the ids.

    Args:
        present: The state to lead to.
        seed: Another seed gives another past.
        ids: Fresh history ids in ascending order, one taken per change.

    Returns:
        Changes in ascending order of time and id.
    """
    rng = Random((seed << 64) + present.issue_id)  # noqa: S311 (a reproducible past, not a secret)
    last = max(present.created, present.updated)
    steps = [
        *_transitions(present, rng, last),
        *_assignments(present, rng, last),
        *_sprint_changes(present, rng, last),
        *_fix_version_changes(present, rng, last),
    ]
    if present.parent is not None:
        parent_id, key = present.parent
        item = _item("IssueParentAssociation", None, (None, None), (parent_id, key))
        steps.append((rng.randint(present.created, last), [item]))
    steps.sort(key=_moment)
    changes = []
    for moment, items in steps:
        author = rng.choice(present.people) if present.people else None
        if rng.random() < 0.1:
            for item in items:
                item.pop("fieldId", None)
        changes.append(Change(next(ids), moment, author, items))
    return changes


def wire_shape(change: Change, zone: ZoneInfo, author: object | None = None) -> Json:
    """A history as `GET /issue/{id}/changelog` answers it.

    Args:
        change: The change.
        zone: The site's time zone.
        author: The author's shape where the caller has it ready; by default it is made from ``change.author``.
    """
    if author is None and change.author is not None:
        author = wire.user(change.author)
    shape: Json = {"id": str(change.id)}
    if author is not None:
        shape["author"] = author
    shape["created"] = wire.timestamp(change.created, zone)
    shape["items"] = change.items
    return shape


_Step = tuple[int, list[Json]]
_Value = tuple[str | None, str | None]
"""Id and readable form of a value, as in ``from``/``fromString``."""


def _moment(step: _Step) -> int:
    return step[0]


def _item(name: str, field_id: str | None, old: _Value, new: _Value) -> Json:
    item: Json = {"field": name, "fieldtype": "custom" if name == "Sprint" else "jira"}
    if field_id is not None:
        item["fieldId"] = field_id
    item["from"], item["fromString"] = old
    item["to"], item["toString"] = new
    return item


def _moments(rng: Random, count: int, first: int, last: int) -> list[int]:
    return sorted(rng.randint(first, last) for _ in range(count))


def _status_path(present: Present, rng: Random) -> list[Status]:
    """Statuses from the initial one to the present one, no two equal ones in a row."""
    current = present.status
    new = [status for status in present.workflow if status.category_id == _NEW]
    done = [status for status in present.workflow if status.category_id == _DONE]
    active = [status for status in present.workflow if status.category_id not in (_NEW, _DONE)]
    initial = new[0] if new else current
    worked = [status for status in active if rng.random() < 0.5 and status.id != current.id]
    if current.category_id == _DONE:
        earlier = done[: next((at for at, status in enumerate(done) if status.id == current.id), 0)]
        closings = [rng.choice(earlier)] if earlier and rng.random() < 0.5 else []
        if rng.random() < 0.08:
            closings = [current, new[-1] if new else initial]
        path = [initial, *worked, *closings, current]
    elif current.id == initial.id:
        path = [initial, *worked, initial] if rng.random() < 0.15 else [initial]
    elif current.category_id == _NEW and done:
        path = [initial, *worked, rng.choice(done), current]
    else:
        path = [initial, *worked, current]
    return [status for at, status in enumerate(path) if at == 0 or path[at - 1].id != status.id]


def _transitions(present: Present, rng: Random, last: int) -> list[_Step]:
    path = _status_path(present, rng)
    pairs = list(pairwise(path))
    resolved = present.resolved if present.resolved is not None else last
    resolved = min(max(resolved, present.created), last)
    closing = None
    if present.status.category_id == _DONE:
        closing = next((at for at in reversed(range(len(pairs))) if pairs[at][0].category_id != _DONE), None)
    if closing is None:
        moments = _moments(rng, len(pairs), present.created, last)
    else:
        before = _moments(rng, closing, present.created, resolved)
        moments = [*before, resolved, *_moments(rng, len(pairs) - closing - 1, resolved, last)]
    steps: list[_Step] = []
    held: Resolution | None = None
    for at, (old, new) in enumerate(pairs):
        items = [_item("status", "status", (old.id, old.name), (new.id, new.name))]
        wanted = _resolution_after(present, new, final=closing is not None and at >= closing)
        if wanted is not held:
            items.insert(0, _resolution_item(held, wanted))
            held = wanted
        steps.append((moments[at], items))
    if present.resolution is not held:
        steps.append((max([resolved, *moments]), [_resolution_item(held, present.resolution)]))
    return steps


def _resolution_after(present: Present, status: Status, *, final: bool) -> Resolution | None:
    if status.category_id != _DONE:
        return None
    return present.resolution if final else present.past_resolution or present.resolution


def _resolution_item(old: Resolution | None, new: Resolution | None) -> Json:
    return _item("resolution", "resolution", _named(old), _named(new))


def _named(value: Resolution | None) -> _Value:
    return (None, None) if value is None else (value.id, value.name)


def _account(value: User | None) -> _Value:
    return (None, None) if value is None else (value.account_id, value.display_name)


def _assignments(present: Present, rng: Random, last: int) -> list[_Step]:
    chance = rng.random()
    current = present.assignee
    others = [user for user in present.people if current is None or user.account_id != current.account_id]
    holders: list[User | None] = [current]
    if current is None and others and chance < 0.1:
        holders = [None, rng.choice(others), None]
    elif current is not None and chance < 0.4:
        holders = [None, current]
    elif current is not None and others and chance < 0.6:
        holders = [rng.choice(others), current]
    pairs = list(pairwise(holders))
    moments = _moments(rng, len(pairs), present.created, last)
    return [
        (moment, [_item("assignee", "assignee", _account(old), _account(new))])
        for moment, (old, new) in zip(moments, pairs, strict=True)
    ]


def _sprint_changes(present: Present, rng: Random, last: int) -> list[_Step]:
    """The issue joins one sprint after the other; the field keeps all of them, as on a board."""
    sprints = present.sprints
    starts = (rng.randint(present.created, last) if sprint.start is None else sprint.start for sprint in sprints)
    moments = sorted(min(max(start, present.created), last) for start in starts)
    steps: list[_Step] = []
    for count, moment in enumerate(moments):
        old, new = _sprint_list(sprints[:count]), _sprint_list(sprints[: count + 1])
        steps.append((moment, [_item("Sprint", SPRINT_FIELD, old, new)]))
    return steps


def _sprint_list(sprints: Sequence[Sprint]) -> _Value:
    return ", ".join(str(sprint.id) for sprint in sprints), ", ".join(sprint.name for sprint in sprints)


def _fix_version_changes(present: Present, rng: Random, last: int) -> list[_Step]:
    versions = present.fix_versions
    moments = _moments(rng, len(versions), present.created, last)
    return [
        (moment, [_item("Fix Version", "fixVersions", (None, None), (version.id, version.name))])
        for moment, version in zip(moments, versions, strict=True)
    ]
