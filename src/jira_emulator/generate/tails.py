"""The exceptional issues every larger site has, placed at fixed places of the generated one."""

from jira_emulator.generate.drafts import Demand, Draft
from jira_emulator.generate.scenario import Scenario

SMALLEST_SITE = 50
"""With fewer issues than this there are no exceptional ones."""
FULL_SIZE = 1_000
"""From this many issues on the exceptional ones have their full size; below it they shrink in proportion."""
DESCRIPTION_BYTES = 3_000_000
COMMENTS = 5_000
HISTORIES = 2_000


def demands(scenario: Scenario, issues: int) -> list[Demand]:
    """What the exceptional issues of a site with that many issues have."""
    if issues < SMALLEST_SITE:
        return []
    scale = min(1.0, issues / FULL_SIZE)
    return [
        Demand(description_bytes=int(DESCRIPTION_BYTES * scale)),
        Demand(comments=int(COMMENTS * scale)),
        Demand(edits=int(HISTORIES * scale)),
        Demand(nul_in="summary"),
        Demand(nul_in="description"),
        Demand(nul_in="comment"),
        Demand(surrogate=True),
        Demand(no_priority=True),
        Demand(no_description=True),
        Demand(blank_description=True),
        Demand(showcase=True),
        Demand(last_assignee=scenario.people.former),
    ]


def place(scenario: Scenario, drafts: list[Draft]) -> None:
    """Spread the demands evenly over the standard issues created in the first three quarters of the site's life."""
    standard = [draft for draft in drafts if draft.type.hierarchy_level == 0]
    wanted = demands(scenario, len(drafts))
    candidates = standard[: len(standard) * 3 // 4]
    step = len(candidates) // max(1, len(wanted))
    for position, demand in enumerate(wanted):
        candidates[position * step].demand = demand
