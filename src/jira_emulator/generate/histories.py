"""The life of an issue: the changes that lead from its creation to its present state, one history each."""

from collections.abc import Callable
from functools import partial
from random import Random

from jira_emulator.generate import changes
from jira_emulator.generate.changes import Item
from jira_emulator.generate.drafts import Attachment, Draft
from jira_emulator.generate.draws import DAY, MINUTE, between, heavy_tail, hex_digits, pick, pick_skewed
from jira_emulator.generate.entries import EntryMaker
from jira_emulator.generate.scenario import Scenario
from jira_emulator.generate.schedules import Schedule, schedule
from jira_emulator.generate.words import label_names
from jira_emulator.model import Field, Resolution, Status, User
from jira_emulator.system_fields import STORY_POINTS_FIELD
from jira_emulator.wire import Json, timestamp

_POINTS = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0)
_FILES = (("screenshot.png", "image/png"), ("server.log", "text/plain"), ("größen.xlsx", "application/vnd.ms-excel"))
_REFUSED = "Won't Do"
_EDIT_KINDS = 9

Event = tuple[int, int, User, Callable[[], list[Item]]]
"""Instant, position among events of the same instant, author, and the change."""


class Historian:
    """Lives the issues of a scenario one by one."""

    def __init__(self, scenario: Scenario, entries: EntryMaker, note: Callable[[], Json]) -> None:
        self._scenario = scenario
        self._rng: Random = scenario.rng
        self._entries = entries
        self._note = note
        self._events: list[Event] = []

    def live(self, draft: Draft) -> None:
        """Give the issue its first state, run its life and leave its histories and worklogs in it."""
        self._events.clear()
        self._begin(draft)
        plan = schedule(self._rng, draft, self._scenario.reference)
        end = self._end(plan)
        self._move(draft)
        for at, sprint in plan.sprints:
            self._at(at, self._member(draft), partial(changes.enter_sprint, draft, sprint))
        self._work(draft, plan, end)
        self._relate(draft)
        self._edit(draft, end)
        if draft.demand is not None and draft.demand.last_assignee is not None:
            leaver = partial(changes.assign, draft, draft.demand.last_assignee)
            self._at(self._scenario.reference - MINUTE, draft.reporter, leaver)
        self._write(draft)

    def _at(self, at: int, author: User, change: Callable[[], list[Item]]) -> None:
        self._events.append((at, len(self._events), author, change))

    def _member(self, draft: Draft) -> User:
        return pick_skewed(self._rng, draft.setting.team)

    def _end(self, plan: Schedule) -> int:
        last = self._scenario.reference - 2 * MINUTE
        return last if plan.end is None else min(last, plan.end + int(self._rng.expovariate(0.2) * DAY))

    def _begin(self, draft: Draft) -> None:
        rng, words, demand = self._rng, self._scenario.words, draft.demand
        draft.summary = self._scenario.prose.summary()
        if demand is not None and demand.nul_in == "summary":
            draft.summary = f"{draft.summary} \x00 and\x00 more"
        position = min(4, max(0, int(rng.gauss(2.3, 0.9))))
        draft.priority = None if demand is not None and demand.no_priority else words.priorities[position]
        if rng.random() < 0.35:
            draft.assignee = self._member(draft)
        if rng.random() < 0.4:
            draft.labels = tuple(dict.fromkeys(pick(rng, label_names()) for _ in range(1 + int(rng.random() * 3))))
        if rng.random() < 0.4:
            draft.components = [pick_skewed(rng, draft.setting.components)]
        if rng.random() < 0.2:
            draft.due = timestamp(draft.created + int(rng.random() * 60) * DAY, self._scenario.site.zone)[:10]
        if draft.setting.kind.type_key == "software" and rng.random() < 0.4:
            draft.estimate = draft.remaining = 1800 * (1 + int(rng.random() ** 2 * 60))

    def _move(self, draft: Draft) -> None:
        origin = draft.moved_from
        if origin is None:
            return
        same = draft.type if draft.type.id in origin.workflows else None
        kind = same or next(other for other in origin.types if other.hierarchy_level == 0)
        workflow = origin.workflows[kind.id]
        before = (kind, workflow.path[0], workflow)
        self._at(draft.created + MINUTE // 2, draft.reporter, partial(changes.move, draft, origin, before))

    def _work(self, draft: Draft, plan: Schedule, end: int) -> None:
        if plan.start is None:
            return
        rng = self._rng
        workflow = draft.setting.workflows[draft.type.id]
        path = workflow.path
        stage = len(path) - 1 if plan.end is not None else 1 + int(rng.random() * (len(path) - 2))
        route = workflow.walk(rng, stage)
        if plan.end is not None and rng.random() < 0.04:
            route += [path[-2], path[-1]]
        last = end if plan.end is None else plan.end
        times = sorted(between(rng, plan.start, last) for _ in range(len(route) - 1))
        times.append(last if plan.end is not None else max(times, default=plan.start))
        worker = self._member(draft)
        for status, at in zip(route, times, strict=True):
            self._at(at, worker, partial(self._transition, draft, status, at, worker))
        if draft.setting.kind.type_key == "software" and rng.random() < 0.35:
            for _ in range(1 + heavy_tail(rng, 1.5, 60)):
                at = between(rng, plan.start, last)
                self._at(at, worker, partial(self._log_work, draft, at, worker))

    def _transition(self, draft: Draft, status: Status, at: int, worker: User) -> list[Item]:
        items = changes.transition(draft, status, at, self._resolution(status))
        return [*items, *changes.assign(draft, worker)] if draft.assignee is None else items

    def _resolution(self, status: Status) -> Resolution:
        resolutions = self._scenario.words.resolutions
        if status.name in ("Won't Do", "Rejected", "Canceled", "Declined"):
            chosen = pick(self._rng, (_REFUSED, "Duplicate", "Cannot Reproduce"))
        else:
            chosen = "Done"
        return resolutions[chosen]

    def _log_work(self, draft: Draft, at: int, worker: User) -> list[Item]:
        rng = self._rng
        seconds = 900 * (1 + int(rng.random() ** 2 * 32))
        started = max(draft.created, at - seconds * 1000) // MINUTE * MINUTE
        edited = at if rng.random() > 0.06 else between(rng, at, min(at + DAY, self._scenario.reference - MINUTE))
        worklog = self._entries.worklog(draft.id, worker, (started, at, edited), seconds, self._note())
        draft.worklogs.append(worklog)
        draft.updated = max(draft.updated, edited)
        return changes.log_work(draft, seconds, worklog.id)

    def _relate(self, draft: Draft) -> None:
        rng, reference = self._rng, self._scenario.reference
        for made in draft.links:
            self._at(made.created, made.author, partial(changes.link, draft, made))
        if draft.late_parent is not None:
            at = between(rng, draft.created + MINUTE, min(draft.created + 20 * DAY, reference - MINUTE))
            self._at(at, self._member(draft), partial(changes.adopt, draft, draft.late_parent))
        if rng.random() < 0.1:
            for _ in range(1 + heavy_tail(rng, 1.6, 20)):
                at = between(rng, draft.created + MINUTE, min(draft.created + 9 * DAY, reference - MINUTE))
                author = self._member(draft)
                self._at(at, author, partial(changes.attach, draft, self._attachment(author, at)))

    def _attachment(self, author: User, at: int) -> Attachment:
        rng = self._rng
        name, mime_type = pick(rng, _FILES)
        size = int(rng.lognormvariate(10, 2)) + 1
        number = str(self._scenario.site.next_id())
        return Attachment(number, f"{hex_digits(rng, 4)}-{name}", mime_type, size, author, at)

    def _edit(self, draft: Draft, end: int) -> None:
        rng = self._rng
        demand = draft.demand
        count = heavy_tail(rng, 1.45, 160)
        if demand is not None and demand.edits is not None:
            count, end = demand.edits, self._scenario.reference - 2 * MINUTE
        for _ in range(count):
            at = between(rng, draft.created + MINUTE, end)
            self._at(at, self._member(draft), partial(self._edit_something, draft, at))

    def _edit_something(self, draft: Draft, at: int) -> list[Item]:
        """A change drawn at random that certainly changes something."""
        scrum = bool(draft.setting.sprints)
        made: list[Item] = []
        while not made:
            made = self._attempt(draft, int(self._rng.random() * _EDIT_KINDS), at, scrum=scrum)
        return made

    def _attempt(self, draft: Draft, kind: int, at: int, *, scrum: bool) -> list[Item]:  # noqa: PLR0911
        rng, scenario = self._rng, self._scenario
        match kind:
            case 0:
                return changes.assign(draft, None if rng.random() < 0.1 else self._member(draft))
            case 1 if draft.priority is not None:
                return changes.prioritise(draft, pick(rng, scenario.words.priorities))
            case 2 if "\x00" not in draft.summary:
                return changes.rename(draft, scenario.prose.summary())
            case 3:
                return changes.relabel(draft, pick(rng, label_names()))
            case 4 if scrum and draft.type.hierarchy_level == 0:
                return changes.estimate(draft, pick(rng, _POINTS), self._points_field())
            case 5:
                return changes.toggle_version(draft, pick(rng, draft.setting.versions))
            case 6:
                return changes.grade(draft, pick(rng, scenario.custom.severities), scenario.custom.severity)
            case 7 if scrum:
                return changes.rank(draft)
            case 8:
                due = timestamp(at + int(rng.random() * 60) * DAY, scenario.site.zone)[:10]
                return changes.schedule(draft, due)
            case _:
                return []

    def _points_field(self) -> Field:
        return self._scenario.site.fields[STORY_POINTS_FIELD]

    def _write(self, draft: Draft) -> None:
        self._events.sort(key=_order)
        for at, _, author, change in self._events:
            items = change()
            if items:
                draft.histories.append(self._entries.history(author, at, items))
                draft.updated = max(draft.updated, at)


def _order(event: Event) -> tuple[int, int]:
    return event[0], event[1]
