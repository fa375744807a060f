"""The request log: how often each operation was asked and how it answered. Counters, so it costs nothing."""

from collections import Counter
from dataclasses import dataclass, field

from jira_emulator.wire import Json


@dataclass(slots=True)
class Journal:
    """Counts by method, endpoint template and status, and how many issues were asked for in bulk."""

    counts: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    issues_asked: int = 0

    def note(self, method: str, template: str, status: int) -> None:
        """Count one answered request."""
        self.counts[method, template, status] += 1

    def ask_issues(self, number: int) -> None:
        """Count the ids that one ``issue/bulkfetch`` names, answered or not."""
        self.issues_asked += number

    def clear(self) -> None:
        """Forget everything."""
        self.counts.clear()
        self.issues_asked = 0

    def report(self) -> Json:
        """The counts, by descending frequency, their total, and the issues asked for in bulk."""
        return {
            "total": self.counts.total(),
            "issues_asked": self.issues_asked,
            "requests": [
                {"method": method, "endpoint": template, "status": status, "count": count}
                for (method, template, status), count in self.counts.most_common()
            ],
        }
