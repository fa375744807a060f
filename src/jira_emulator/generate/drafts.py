"""Issues while they are being made: what will exist, when, under which key, below which parent, linked to what."""

from dataclasses import dataclass, field
from operator import attrgetter
from random import Random

from jira_emulator.generate.custom_fields import Option
from jira_emulator.generate.draws import DAY, HOUR, MINUTE, between, pick, pick_skewed
from jira_emulator.generate.scenario import Scenario, Setting
from jira_emulator.generate.workflows import DONE_CATEGORY
from jira_emulator.model import (
    Component,
    Entry,
    IssueType,
    LinkType,
    Priority,
    Resolution,
    Sprint,
    Status,
    User,
    Version,
)


@dataclass(slots=True)
class Demand:
    """What an exceptional issue must have; see ``tails``."""

    description_bytes: int = 0
    comments: int | None = None
    edits: int | None = None
    nul_in: str | None = None
    """``summary``, ``description`` or ``comment``."""
    surrogate: bool = False
    no_priority: bool = False
    no_description: bool = False
    blank_description: bool = False
    showcase: bool = False
    last_assignee: User | None = None


@dataclass(slots=True)
class Attachment:
    """A file's metadata; ``size`` in bytes."""

    id: str
    name: str
    mime_type: str
    size: int
    author: User
    created: int


@dataclass(slots=True)
class Link:
    """An issue link; ``source`` shows ``target`` as its outward issue (source blocks target)."""

    id: str
    type: LinkType
    source: "Draft"
    target: "Draft"
    created: int
    author: User


@dataclass(slots=True)
class Draft:
    """An issue in the making. The histories move its state from that at creation to the final one."""

    setting: Setting
    type: IssueType
    created: int
    status: Status
    reporter: User
    creator: User
    id: int = 0
    key: str = ""
    summary: str = ""
    parent: "Draft | None" = None
    late_parent: "Draft | None" = None
    """A parent the issue gets only after its creation."""
    subtasks: list["Draft"] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    moved_from: Setting | None = None
    old_key: str | None = None
    demand: Demand | None = None
    priority: Priority | None = None
    resolution: Resolution | None = None
    resolved: int | None = None
    category_changed: int = 0
    assignee: User | None = None
    labels: tuple[str, ...] = ()
    points: float | None = None
    severity: Option | None = None
    due: str | None = None
    estimate: int | None = None
    """Original estimate in seconds; ``remaining`` and ``spent`` likewise."""
    remaining: int | None = None
    spent: int | None = None
    sprints: list[Sprint] = field(default_factory=list)
    fix_versions: list[Version] = field(default_factory=list)
    components: list[Component] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    updated: int = 0
    comments: list[Entry] = field(default_factory=list)
    worklogs: list[Entry] = field(default_factory=list)
    histories: list[Entry] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether the issue stands in a status of category Done."""
        return self.status.category_id == DONE_CATEGORY


def plan(scenario: Scenario) -> list[Draft]:
    """All issues of all projects in order of creation, with types and parents, without ids, keys and content."""
    drafts = [draft for setting in scenario.settings for draft in _plan_project(scenario, setting)]
    drafts.sort(key=attrgetter("created"))
    return drafts


def _plan_project(scenario: Scenario, setting: Setting) -> list[Draft]:
    rng = scenario.rng
    span = scenario.reference - HOUR - setting.start
    times = sorted(setting.start + int(span * rng.random() ** 0.85) for _ in range(setting.issue_count))
    types = rng.choices(setting.types, setting.weights, k=len(times))
    if len(times) >= len(setting.types):
        types[: len(setting.types)] = setting.types
    drafts: list[Draft] = []
    epics: list[Draft] = []
    standard: list[Draft] = []
    for created, kind in zip(times, types, strict=True):
        if kind.subtask and not standard:
            kind = next(other for other in setting.types if other.hierarchy_level == 0)
        reporter = pick_skewed(rng, setting.reporters)
        creator = reporter if rng.random() < 0.93 else scenario.people.app
        initial = setting.workflows[kind.id].path[0]
        draft = Draft(setting, kind, created, initial, reporter, creator, category_changed=created, updated=created)
        drafts.append(draft)
        if kind.subtask:
            draft.parent = pick(rng, standard[-40:])
            draft.parent.subtasks.append(draft)
        elif kind.hierarchy_level > 0:
            epics.append(draft)
        else:
            standard.append(draft)
            _join_epic(rng, draft, epics)
    return drafts


def _join_epic(rng: Random, draft: Draft, epics: list[Draft]) -> None:
    if not epics or rng.random() > 0.6:
        return
    if rng.random() < 0.7:
        draft.parent = pick(rng, epics[-12:])
    else:
        draft.late_parent = pick(rng, epics[-12:])


def choose_moves(scenario: Scenario, drafts: list[Draft]) -> None:
    """Let one issue in five hundred, and at least one in a site of fifty, come from another project."""
    movable = [
        draft for draft in drafts
        if draft.type.hierarchy_level == 0 and not draft.subtasks and draft.parent is None and draft.demand is None
    ]  # fmt: skip
    if len(drafts) < 50:
        return
    count = max(1, len(drafts) // 500)
    for draft in movable[len(movable) // 3 :: max(1, len(movable) // (2 * count))][:count]:
        draft.moved_from = pick(scenario.rng, [origin for origin in scenario.settings if origin is not draft.setting])


def number(scenario: Scenario, drafts: list[Draft]) -> None:
    """Give ids and keys in order of creation; some ids stay unused, as if their issues had been deleted."""
    for draft in drafts:
        draft.id = scenario.site.next_id()
        if scenario.rng.random() < 0.04:
            draft.id = scenario.site.next_id()
        if draft.moved_from is not None:
            draft.old_key = draft.moved_from.next_key()
        if scenario.rng.random() < 0.01:
            draft.setting.next_key()
        draft.key = draft.setting.next_key()


def link(scenario: Scenario, drafts: list[Draft]) -> None:
    """Link about one issue in eight to another, a few of them (hubs) far more often, never the same pair twice."""
    rng = scenario.rng
    hubs = drafts[:: max(1, len(drafts) // 12)]
    known: set[tuple[int, int]] = set()
    for _ in range(len(drafts) // 8):
        source = pick(rng, drafts)
        target = pick(rng, hubs) if rng.random() < 0.12 else pick(rng, drafts)
        pair = (min(source.id, target.id), max(source.id, target.id))
        if source is target or pair in known:
            continue
        known.add(pair)
        earliest = max(source.created, target.created) + MINUTE
        created = between(rng, earliest, min(earliest + 10 * DAY, scenario.reference - MINUTE))
        kind = pick(rng, scenario.words.link_types)
        made = Link(str(scenario.site.next_id()), kind, source, target, created, pick(rng, source.setting.team))
        source.links.append(made)
        target.links.append(made)
