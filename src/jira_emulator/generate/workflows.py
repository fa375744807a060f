"""Issue types, statuses, priorities, resolutions, link types, and the workflows that join types and statuses."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Protocol, TypeVar

from jira_emulator.generate.draws import pick
from jira_emulator.model import IssueType, LinkType, Priority, Resolution, Status
from jira_emulator.site import Site

DONE_CATEGORY = 3

_TYPES = (
    ("Epic", 1), ("Story", 0), ("Task", 0), ("Bug", 0), ("Sub-task", -1), ("Incident", 0), ("Service Request", 0),
    ("Purchase", 0), ("Approval", 0),
)  # fmt: skip
_STATUSES = (
    ("To Do", 2), ("In Progress", 4), ("In Review", 4), ("Blocked", 4), ("Done", 3), ("Won't Do", 3), ("Open", 2),
    ("Confirmed", 2), ("Testing", 4), ("Closed", 3), ("Rejected", 3), ("Backlog", 2), ("Selected for Development", 2),
    ("Waiting for support", 2), ("Waiting for customer", 4), ("Escalated", 4), ("Resolved", 3), ("Canceled", 3),
    ("Triage", 1), ("Requested", 2), ("Under review", 4), ("Approved", 3), ("Declined", 3),
)  # fmt: skip
_PRIORITIES = (
    ("Highest", "#d04437"), ("High", "#f15c75"), ("Medium", "#f79232"), ("Low", "#707070"), ("Lowest", "#999999"),
)  # fmt: skip
_RESOLUTIONS = ("Done", "Won't Do", "Duplicate", "Cannot Reproduce", "Known Error")
_LINK_TYPES = (
    ("Blocks", "is blocked by", "blocks"), ("Relates", "relates to", "relates to"),
    ("Duplicate", "is duplicated by", "duplicates"), ("Cloners", "is cloned by", "clones"),
)  # fmt: skip
_WORKFLOWS = (
    ("Software", ("To Do", "In Progress", "In Review", "Done"), ("Blocked",), "Won't Do"),
    ("Bug", ("Open", "Confirmed", "In Progress", "Testing", "Closed"), ("Blocked",), "Rejected"),
    ("Simple", ("To Do", "In Progress", "Done"), (), None),
    ("Kanban", ("Backlog", "Selected for Development", "In Progress", "Done"), ("Blocked",), "Won't Do"),
    ("Service", ("Waiting for support", "In Progress", "Resolved"), ("Waiting for customer", "Escalated"), "Canceled"),
    ("Business", ("Triage", "Requested", "Under review", "Approved"), (), "Declined"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Workflow:
    """The way of an issue: ``path`` from the first status to done, ``detours`` on the way, ``refused`` as other end."""

    id: str
    name: str
    path: tuple[Status, ...]
    detours: tuple[Status, ...]
    refused: Status | None

    def statuses(self) -> list[Status]:
        """Every status an issue can have here."""
        return [*self.path, *self.detours, *([] if self.refused is None else [self.refused])]

    def walk(self, rng: Random, steps: int) -> list[Status]:
        """The statuses visited after the first one until ``path[steps]``, with the odd detour or step back."""
        visited: list[Status] = []
        position = 0
        while position < steps:
            chance = rng.random()
            if chance < 0.1 and self.detours and position:
                visited += [pick(rng, self.detours), self.path[position]]
            elif chance < 0.16 and position:
                position -= 1
                visited.append(self.path[position])
            else:
                position += 1
                visited.append(self.path[position])
        if steps == len(self.path) - 1 and self.refused is not None and rng.random() < 0.1:
            visited[-1] = self.refused
        return visited


@dataclass(slots=True)
class Vocabulary:
    """What every project of the site shares, by name."""

    types: dict[str, IssueType] = field(default_factory=dict)
    statuses: dict[str, Status] = field(default_factory=dict)
    priorities: list[Priority] = field(default_factory=list)
    resolutions: dict[str, Resolution] = field(default_factory=dict)
    link_types: list[LinkType] = field(default_factory=list)
    workflows: dict[str, Workflow] = field(default_factory=dict)


class _Named(Protocol):
    name: str


N = TypeVar("N", bound=_Named)


def _known(existing: Iterable[N], name: str) -> N | None:
    return next((value for value in existing if value.name == name), None)


def define(site: Site) -> Vocabulary:
    """Add types, statuses, priorities, resolutions and link types to the site; those it has by that name are used."""
    words = Vocabulary()
    for name, level in _TYPES:
        kind = _known(site.issue_types.values(), name)
        words.types[name] = kind or IssueType(str(site.next_id()), name, f"{name} of a generated project", level)
    for name, category in _STATUSES:
        status = _known(site.statuses.values(), name)
        words.statuses[name] = status or Status(str(site.next_id()), name, category)
    for name, color in _PRIORITIES:
        priority = _known(site.priorities.values(), name)
        words.priorities.append(priority or Priority(str(site.next_id()), name, color=color))
    for name in _RESOLUTIONS:
        resolution = _known(site.resolutions.values(), name)
        words.resolutions[name] = resolution or Resolution(str(site.next_id()), name)
    for name, inward, outward in _LINK_TYPES:
        link_type = _known(site.link_types.values(), name)
        words.link_types.append(link_type or LinkType(str(site.next_id()), name, inward, outward))
    for name, path, detours, refused in _WORKFLOWS:
        words.workflows[name] = Workflow(
            str(site.next_id()),
            name,
            tuple(words.statuses[status] for status in path),
            tuple(words.statuses[status] for status in detours),
            None if refused is None else words.statuses[refused],
        )
    site.issue_types.update((kind.id, kind) for kind in words.types.values())
    site.statuses.update((status.id, status) for status in words.statuses.values())
    site.priorities.update((priority.id, priority) for priority in words.priorities)
    site.resolutions.update((resolution.id, resolution) for resolution in words.resolutions.values())
    site.link_types.update((link_type.id, link_type) for link_type in words.link_types)
    return words
