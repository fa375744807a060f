"""The request log: how often each operation was asked and how it answered. A counter, so it costs nothing."""

from collections import Counter
from dataclasses import dataclass, field

from jira_emulator.wire import Json


@dataclass(slots=True)
class Journal:
    """Counts by method, endpoint template and status."""

    counts: Counter[tuple[str, str, int]] = field(default_factory=Counter)

    def note(self, method: str, template: str, status: int) -> None:
        """Count one answered request."""
        self.counts[method, template, status] += 1

    def clear(self) -> None:
        """Forget everything."""
        self.counts.clear()

    def report(self) -> Json:
        """The counts, by descending frequency, and their total."""
        return {
            "total": self.counts.total(),
            "requests": [
                {"method": method, "endpoint": template, "status": status, "count": count}
                for (method, template, status), count in self.counts.most_common()
            ],
        }
