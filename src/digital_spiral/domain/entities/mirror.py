"""What every mirrored row has in common.

A mirrored row copies one thing that Jira holds. Its identity is ``(tenant, instance, jira_id)``; tenant, instance
and the moment of reading are the same for a whole batch and are added by the store.
"""

from dataclasses import dataclass
from enum import StrEnum

JsonText = bytes
"""A JSON document as UTF-8 text."""


@dataclass(slots=True, kw_only=True)
class WriteCounts:
    """What became of the rows of one write.

    ``updated`` rows carried a later ``updated`` than the copy; ``repaired`` rows the same ``updated`` with another
    content; ``unchanged`` rows were equal, or older than the copy, and not written; ``gone`` rows are tombstones set.
    """

    created: int = 0
    updated: int = 0
    repaired: int = 0
    unchanged: int = 0
    gone: int = 0

    @property
    def written(self) -> int:
        """Rows inserted or rewritten."""
        return self.created + self.updated + self.repaired

    def add(self, other: "WriteCounts") -> None:
        """Add another write's counts to this one."""
        self.created += other.created
        self.updated += other.updated
        self.repaired += other.repaired
        self.unchanged += other.unchanged
        self.gone += other.gone


class GoneProof(StrEnum):
    """Why a row is marked as gone. Jira answers 404 alike for deleted and for forbidden, so proof is graded."""

    UNREACHABLE = "unreachable"
    """Asked for by id, Jira did not show it: deleted, or no longer visible to the connected account."""
    ABSENT = "absent"
    """A complete list of its parent's children, or of the site's, no longer held it."""
    DELETED = "deleted"
    """Jira itself said so (the feed of deleted worklogs)."""
