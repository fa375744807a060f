"""Runs that copy a site, what they leave out, and what a census finds."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from digital_spiral.domain.entities.mirror import WriteCounts


class RunState(StrEnum):
    """The life of a run: queued, running, and one of two ends."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @property
    def finished(self) -> bool:
        """Whether the run has ended."""
        return self in (RunState.SUCCEEDED, RunState.FAILED)


@dataclass(frozen=True, slots=True)
class Skip:
    """Something a run set aside, by name and with the reason, so that everything else could arrive."""

    what: str
    reason: str


@dataclass(kw_only=True)
class SyncRun:
    """One backfill of one instance.

    ``epoch`` is the fencing number: it grows each time a worker takes the run, and a batch commits only under the
    epoch it started with. ``requests`` counts HTTP requests to Jira, retries included; ``worker_peak_rss`` is in
    bytes. ``skips`` holds the first ``MAX_SKIPS`` named skips; ``skipped`` counts them all. ``progressed_at`` is the
    moment of the last commit that carried progress. ``error`` says why a run failed, or what an unfinished one
    waits for.
    """

    tenant_id: UUID
    id: UUID
    instance_id: UUID
    state: RunState
    epoch: int = 0
    phase: str = "queued"
    issues_total: int = 0
    issues_done: int = 0
    issues_fetched: int = 0
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    requests: int = 0
    skipped: int = 0
    skips: list[dict[str, str]] = field(default_factory=list)
    replaced_characters: int = 0
    worker_peak_rss: int = 0
    error: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    progressed_at: datetime | None = None
    finished_at: datetime | None = None


MAX_SKIPS = 1000


@dataclass(slots=True, kw_only=True)
class Progress:
    """What one step adds to its run, written in the transaction of the rows it speaks of."""

    phase: str | None = None
    issues_total: int | None = None
    issues_done: int = 0
    issues_fetched: int = 0
    requests: int = 0
    counts: dict[str, WriteCounts] = field(default_factory=dict)
    skips: list[Skip] = field(default_factory=list)
    replaced_characters: int = 0
    worker_peak_rss: int = 0


class Difference(StrEnum):
    """How a thing differs between Jira and the copy."""

    MISSING = "missing"
    """Jira has it, the copy does not."""
    EXTRA = "extra"
    """The copy has it, Jira does not show it."""
    CHANGED = "changed"
    """Both have it, with different content."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference; ``kind`` is a table name of the copy, ``jira_id`` the thing's id in Jira."""

    kind: str
    difference: Difference
    jira_id: str
    issue_key: str


@dataclass(kw_only=True)
class CensusReport:
    """The outcome of a census: things compared per kind, and every difference found and not mended."""

    compared: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    repaired: list[Finding] = field(default_factory=list)
    unreadable: list[Skip] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Number of things compared."""
        return sum(self.compared.values())

    @property
    def match_percent(self) -> float:
        """Share of compared things that are equal on both sides; below 100 as soon as one differs."""
        differing = len(self.findings) + len(self.unreadable)
        if differing == 0:
            return 100.0
        return min(99.99, 100.0 * (1 - differing / max(self.total, differing)))
