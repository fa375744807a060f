"""Faults to order: what a client meets on a bad day, by issue, so that its handling of bad input can be tested."""

from dataclasses import dataclass, field
from enum import StrEnum

from jira_emulator.model import Issue


class FaultKind(StrEnum):
    """What goes wrong with an issue in an ``issue/bulkfetch`` answer."""

    BROKEN_JSON = "broken-json"
    """The whole answer stops in the middle of the issue."""
    NO_FIELDS = "no-fields"
    """The issue comes without its ``fields``."""
    STRANGE_ZONE = "strange-zone"
    """The issue's ``updated`` names a time zone instead of an offset."""


@dataclass(slots=True)
class Fault:
    """A fault of one issue; ``times`` counts the answers it still spoils, ``None`` is for ever."""

    kind: FaultKind
    times: int | None = None


@dataclass(slots=True)
class Faults:
    """The faults in force, by issue id."""

    by_issue: dict[int, Fault] = field(default_factory=dict)

    def put(self, issue_id: int, fault: Fault) -> None:
        """Set the fault of an issue."""
        self.by_issue[issue_id] = fault

    def clear(self) -> None:
        """Heal everything."""
        self.by_issue.clear()

    def strike(self, issue: Issue) -> FaultKind | None:
        """The fault that spoils the issue this time; each call counts as one answer."""
        fault = self.by_issue.get(issue.id)
        if fault is None:
            return None
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                del self.by_issue[issue.id]
        return fault.kind
