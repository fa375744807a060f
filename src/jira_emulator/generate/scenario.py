"""The stage for generated issues: projects with their boards, sprints, versions, components and teams."""

from dataclasses import dataclass, field
from random import Random

from jira_emulator.generate.custom_fields import CustomFields
from jira_emulator.generate.draws import DAY, HOUR
from jira_emulator.generate.people import People
from jira_emulator.generate.words import Prose
from jira_emulator.generate.workflows import Vocabulary, Workflow
from jira_emulator.model import Board, Component, IssueType, Project, ProjectTypeKey, Sprint, User, Version
from jira_emulator.site import Site
from jira_emulator.wire import BASE, timestamp

SPRINT_LENGTH = 14 * DAY
_FUTURE_SPRINTS = 2
_MAX_CLOSED_SPRINTS = 78
_NAMES = (
    ("DEMO", "Demo"), ("SUP", "Support Desk"), ("OPS", "Office Operations"), ("MOB", "Mobile App"),
    ("PLAT", "Platform"), ("IT", "IT Helpdesk"), ("FIN", "Finance Requests"), ("WEB", "Web Shop"), ("DATA", "Data Hub"),
    ("SEC", "Security Desk"), ("HR", "People Team"), ("DOC", "Handbook"), ("API", "Public API"),
    ("NET", "Network Desk"), ("LEGAL", "Contracts"), ("LAB", "Research Lab"), ("PAY", "Payments"),
    ("FAC", "Facilities Desk"), ("EVT", "Events"), ("GAME", "Game Server"), ("IOT", "Sensors"),
    ("LOG", "Logistics Desk"), ("BUY", "Procurement"), ("MAP", "Maps"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of project: its board, and for each issue type its share of the issues and its workflow."""

    type_key: ProjectTypeKey
    board: str
    types: tuple[tuple[str, float, str], ...]


_SCRUM = Kind(
    "software",
    "scrum",
    (
        ("Epic", 0.05, "Simple"), ("Story", 0.3, "Software"), ("Task", 0.23, "Software"), ("Bug", 0.27, "Bug"),
        ("Sub-task", 0.15, "Simple"),
    ),
)  # fmt: skip
_SERVICE = Kind("service_desk", "kanban", (("Incident", 0.4, "Service"), ("Service Request", 0.6, "Service")))
_BUSINESS = Kind(
    "business", "kanban", (("Purchase", 0.4, "Business"), ("Approval", 0.3, "Business"), ("Task", 0.3, "Simple"))
)
_KANBAN = Kind(
    "software",
    "kanban",
    (("Epic", 0.04, "Simple"), ("Task", 0.46, "Kanban"), ("Bug", 0.35, "Bug"), ("Sub-task", 0.15, "Simple")),
)
_KINDS = (_SCRUM, _SERVICE, _BUSINESS, _KANBAN)


@dataclass(slots=True)
class Setting:
    """One project with everything its issues refer to. ``start`` is the instant of its first possible issue."""

    project: Project
    kind: Kind
    start: int
    issue_count: int
    types: list[IssueType]
    weights: list[float]
    workflows: dict[str, Workflow]
    team: list[User]
    reporters: list[User]
    components: list[Component] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)
    sprints: list[Sprint] = field(default_factory=list)
    last_number: int = 0

    def next_key(self) -> str:
        """The next unused issue key."""
        self.last_number += 1
        return f"{self.project.key}-{self.last_number}"


def project_names(issues: int) -> tuple[tuple[str, str], ...]:
    """Keys and names of the projects of a site with that many issues; DEMO comes first."""
    return _NAMES[: 2 + int((issues / 80) ** 0.4)]


@dataclass(slots=True)
class Scenario:
    """Everything the generator works with; ``reference`` is the instant that counts as now."""

    site: Site
    rng: Random
    reference: int
    people: People
    words: Vocabulary
    custom: CustomFields
    prose: Prose
    settings: list[Setting] = field(default_factory=list)

    def stage(self, issues: int) -> None:
        """Make the projects and share the issues among them: DEMO the largest, the rest ever smaller."""
        count = len(project_names(issues))
        weights = [1 / (position + 1) ** 0.9 for position in range(count)]
        shares = [int(issues * weight / sum(weights)) for weight in weights]
        wanted = max(min(issues, 5), shares[0] + issues - sum(shares))
        shares[0] = wanted
        for position in range(count - 1, 0, -1):
            surplus = max(0, sum(shares) - issues)
            shares[position] -= min(surplus, shares[position])
        for position, share in enumerate(shares):
            self.settings.append(self._setting(position, share))

    def _setting(self, position: int, share: int) -> Setting:
        site = self.site
        key, name = _NAMES[position]
        kind = _KINDS[position % len(_KINDS)]
        team = self._team(4 + int(share**0.5))
        kinds = [self.words.types[type_name] for type_name, _, _ in kind.types]
        workflows = {
            self.words.types[type_name].id: self.words.workflows[workflow] for type_name, _, workflow in kind.types
        }
        category = {
            "self": f"{BASE}/rest/api/3/projectCategory/{10_000 + position % 4}",
            "id": str(10_000 + position % 4),
        }
        project = Project(
            id=str(site.next_id()),
            key=key,
            name=name,
            type_key=kind.type_key,
            lead=team[0].account_id,
            description=f"Generated project: {self.prose.topic()}.",
            category=None
            if position % 3 == 2
            else {**category, "name": f"{kind.type_key} {kind.board}", "description": ""},
            workflow={type_id: [status.id for status in flow.statuses()] for type_id, flow in workflows.items()},
        )
        site.projects[project.id] = project
        reporters = [*self.people.customers, *team[:2]] if kind is _SERVICE else [*team, self.people.app]
        closed = min(_MAX_CLOSED_SPRINTS, max(3, share // 20))
        start = self.reference - (closed + 1) * SPRINT_LENGTH
        weights = [weight for _, weight, _ in kind.types]
        setting = Setting(project, kind, start, share, kinds, weights, workflows, team, reporters)
        self._boards(setting, closed)
        self._parts(setting)
        return setting

    def _team(self, size: int) -> list[User]:
        staff = self.people.staff
        return self.rng.sample(staff, min(len(staff), size))

    def _boards(self, setting: Setting, closed: int) -> None:
        site = self.site
        project = setting.project
        board_id = max(site.boards, default=0) + 1
        scrum = setting.kind.board == "scrum"
        site.boards[board_id] = Board(board_id, f"{project.key} board", "scrum" if scrum else "kanban", project.id)
        if scrum:
            self._sprints(setting, board_id, closed)

    def _sprints(self, setting: Setting, board_id: int, closed: int) -> None:
        site = self.site
        active_start = (self.reference - 6 * DAY) // DAY * DAY + 9 * HOUR
        first_id = max(site.sprints, default=0) + 1
        for number in range(closed + 1 + _FUTURE_SPRINTS):
            start = active_start + (number - closed) * SPRINT_LENGTH
            end = start + SPRINT_LENGTH - 16 * HOUR
            sprint = Sprint(
                id=first_id + number,
                board_id=board_id,
                name=f"{setting.project.key} Sprint {number + 1}",
                state="closed" if number < closed else ("active" if number == closed else "future"),
                created=min(start, self.reference) - 20 * DAY,
                start=start,
                end=end,
                goal=None if number % 3 == 1 else f"Finish {self.prose.topic()}",
            )
            if sprint.state == "closed":
                sprint.complete = end + int(self.rng.random() * 10 * HOUR)
            elif number == closed + _FUTURE_SPRINTS:
                sprint.start = sprint.end = None
            site.sprints[sprint.id] = sprint
            setting.sprints.append(sprint)

    def _parts(self, setting: Setting) -> None:
        site, project = self.site, setting.project
        for number in range(3 + int(setting.issue_count**0.3)):
            lead = setting.team[number % len(setting.team)].account_id if number % 2 else None
            part = Component(str(site.next_id()), project.id, f"{project.key.lower()}-part-{number + 1}", lead=lead)
            site.components[part.id] = part
            setting.components.append(part)
        releases = 4 + int(setting.issue_count**0.35)
        span = self.reference - setting.start
        for number in range(releases):
            date = setting.start + span * (number + 1) // (releases - 1)
            released = date < self.reference
            version = Version(
                str(site.next_id()),
                project.id,
                f"{1 + number // 5}.{number % 5}.0",
                description="" if number % 2 else f"Release with {self.prose.topic()}",
                archived=released and number < releases // 4,
                released=released,
                start_date=timestamp(date - 30 * DAY, site.zone)[:10],
                release_date=timestamp(date, site.zone)[:10],
            )
            site.versions[version.id] = version
            setting.versions.append(version)
