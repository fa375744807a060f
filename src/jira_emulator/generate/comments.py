"""The comments of an issue: most have none or a few, some have hundreds."""

from jira_emulator.generate.adf import Writer
from jira_emulator.generate.drafts import Draft
from jira_emulator.generate.draws import DAY, HOUR, MINUTE, between, heavy_tail, hex_digits, pick_skewed
from jira_emulator.generate.entries import EntryMaker
from jira_emulator.generate.scenario import Scenario
from jira_emulator.model import User
from jira_emulator.wire import Json


class Discussion:
    """Lets people comment on issues."""

    def __init__(self, scenario: Scenario, entries: EntryMaker, writer: Writer) -> None:
        self._scenario = scenario
        self._entries = entries
        self._writer = writer
        self._group = hex_digits(scenario.rng, 32)

    def hold(self, draft: Draft) -> None:
        """Add the issue's comments, ordered by creation, and move its ``updated`` on."""
        rng, demand = self._scenario.rng, draft.demand
        count = heavy_tail(rng, 1.35, 250)
        last = min(self._scenario.reference - MINUTE, max(draft.updated, draft.created + HOUR) + 10 * DAY)
        if demand is not None and demand.comments is not None:
            count = demand.comments
        if demand is not None and demand.nul_in == "comment":
            count = max(1, count)
        times = sorted(between(rng, draft.created + MINUTE, last) for _ in range(count))
        for position, at in enumerate(times):
            edited = between(rng, at, last) if rng.random() < 0.08 else at
            author = self._author(draft)
            editor = author if rng.random() < 0.97 else pick_skewed(rng, draft.setting.team)
            public, visibility = self._audience(draft)
            entry = self._entries.comment(
                draft.id,
                (author, editor if edited > at else author),
                (at, edited),
                self._text(draft, position),
                public=public,
                visibility=visibility,
            )
            draft.comments.append(entry)
            draft.updated = max(draft.updated, edited)

    def _author(self, draft: Draft) -> User:
        chance = self._scenario.rng.random()
        if chance < 0.25:
            return draft.reporter
        return self._scenario.people.app if chance > 0.97 else pick_skewed(self._scenario.rng, draft.setting.team)

    def _text(self, draft: Draft, position: int) -> Json:
        demand = draft.demand
        if demand is not None and demand.nul_in == "comment" and position == 0:
            return self._writer.with_text("\x00binary\x00")
        return self._writer.comment()

    def _audience(self, draft: Draft) -> tuple[bool, Json | None]:
        chance = self._scenario.rng.random()
        if draft.setting.kind.type_key == "service_desk":
            return chance > 0.4, None
        if chance < 0.02:
            return True, {"type": "role", "value": "Administrators", "identifier": "Administrators"}
        if chance < 0.03:
            return True, {"type": "group", "value": "demo-developers", "identifier": self._group}
        return True, None
