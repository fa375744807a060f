"""What use cases need of the world outside, as Protocols. Adapters satisfy them by shape; nothing inherits."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from digital_spiral.domain.entities.agile import Board, Sprint
from digital_spiral.domain.entities.audit import AuditEntry
from digital_spiral.domain.entities.issue import Issue, IssueBundle, IssueRef, Worklog
from digital_spiral.domain.entities.issue_views import (
    CommentView,
    HistoryEntry,
    IssueFilter,
    IssueSort,
    IssueSummary,
    IssueView,
    ProjectView,
    WorklogView,
)
from digital_spiral.domain.entities.jira_instance import Credentials, JiraInstance
from digital_spiral.domain.entities.metadata import CustomField, IssueType, Priority, Resolution, Status
from digital_spiral.domain.entities.mirror import GoneProof, WriteCounts
from digital_spiral.domain.entities.project import Component, Project, Version
from digital_spiral.domain.entities.sync import Progress, Skip, SyncRun
from digital_spiral.domain.entities.tenancy import ApiKey
from digital_spiral.domain.entities.user import User

SiteRow = (
    Project | Component | Version | User | Status | Priority | Resolution | IssueType | CustomField | Board | Sprint
)
"""A thing that belongs to the site rather than to one issue."""


class Instances(Protocol):
    """The Jira sites of a tenant."""

    async def add(self, instance: JiraInstance) -> None:
        """Store a new instance; raises ``Conflict`` when its name or address is taken."""

    async def replace_credentials(self, instance: JiraInstance) -> None:
        """Store the instance's credentials, account and time zone again."""

    async def remove(self, instance_id: UUID) -> None:
        """Delete the instance and everything that was copied from it; raises ``NotFound``."""

    async def get(self, instance_id: UUID) -> JiraInstance:
        """The instance with this id; raises ``NotFound``."""

    async def find(self, name_or_id: str) -> JiraInstance:
        """The instance with this name, address or id; raises ``NotFound``."""

    async def list(self) -> list[JiraInstance]:
        """All of them, by name."""


class Runs(Protocol):
    """Sync runs and the checkpoints that they leave."""

    async def add(self, run: SyncRun) -> None:
        """Store a new run; raises ``Conflict`` while another run of the instance is unfinished."""

    async def get(self, run_id: UUID) -> SyncRun:
        """The run with this id; raises ``NotFound``."""

    async def latest(self, instance_id: UUID) -> SyncRun | None:
        """The instance's newest run."""

    async def newest_first(
        self, instance_id: UUID, limit: int, after: tuple[datetime, UUID] | None = None
    ) -> list[SyncRun]:
        """Runs of the instance; ``after`` is the ``created_at`` and id of the last one that is known."""

    async def unfinished(self) -> list[SyncRun]:
        """Queued and running runs of the tenant."""

    async def take(self, run_id: UUID, now: datetime) -> SyncRun:
        """Begin or resume a run under a new epoch and return it."""

    async def advance(self, run_id: UUID, epoch: int, progress: Progress) -> None:
        """Add progress; raises ``LeaseLost`` unless ``epoch`` is still the run's. Call it last before a commit."""

    async def note_wait(self, run_id: UUID, epoch: int, reason: str) -> None:
        """Note in ``error`` what an unfinished run waits for; the next rows that it writes take the note away."""

    async def finish(self, run_id: UUID, epoch: int, now: datetime, error: str | None) -> None:
        """End a run, well (no error) or badly; raises ``LeaseLost`` as ``advance`` does."""

    async def watermark(self, instance_id: UUID, scope: str, run_id: UUID | None) -> int:
        """The position stored for ``scope``, 0 if none; with ``run_id`` only one that this very run stored."""

    async def set_watermark(self, instance_id: UUID, scope: str, position: int, run_id: UUID | None) -> None:
        """Store the position reached in ``scope``."""


class Mirror(Protocol):
    """The copy of one tenant's Jira sites: bulk writes and the reads that a comparison needs."""

    async def upsert_site_rows(
        self, instance_id: UUID, rows: Sequence[SiteRow], read_at: datetime, *, complete: bool
    ) -> WriteCounts:
        """Write rows of one kind; with ``complete``, rows of that kind that are not among them are gone."""

    async def upsert_issues(
        self, instance_id: UUID, bundles: Sequence[IssueBundle], read_at: datetime, *, rewrite: bool = False
    ) -> dict[str, WriteCounts]:
        """Write issues with all their children, by table name.

        A row is written when its ``updated`` is not older than the copy's and its digest differs; ``rewrite`` writes
        rows of equal digest too. Children that a complete list no longer holds become tombstones.
        """

    async def upsert_worklogs(self, instance_id: UUID, worklogs: Sequence[Worklog], read_at: datetime) -> WriteCounts:
        """Write worklogs of issues that the copy holds."""

    async def issue_versions(self, instance_id: UUID, project_id: int, after: int) -> dict[int, datetime]:
        """``updated`` of each of the project's issues that is not gone, for ids above ``after``."""

    async def issue_ids(self, instance_id: UUID, project_id: int | None) -> list[int]:
        """Ids of the issues that are not gone, ascending; of all projects when none is given."""

    async def worklog_versions(self, instance_id: UUID, ids: Collection[int]) -> dict[int, datetime]:
        """``updated`` of those of the worklogs that the copy holds and that are not gone."""

    async def known_issues(self, instance_id: UUID, ids: Collection[int]) -> set[int]:
        """Those of the ids that the copy holds, gone or not."""

    async def bundles(self, instance_id: UUID, issue_ids: Sequence[int]) -> dict[int, IssueBundle]:
        """What the copy holds of these issues (tombstones left out), read back from the stored rows."""

    async def mark_issues_gone(
        self, instance_id: UUID, ids: Collection[int], proof: GoneProof, read_at: datetime
    ) -> WriteCounts:
        """Turn issues into tombstones."""

    async def mark_worklogs_gone(
        self, instance_id: UUID, ids: Collection[int], proof: GoneProof, read_at: datetime
    ) -> WriteCounts:
        """Turn worklogs into tombstones."""

    async def project_ids(self, instance_id: UUID) -> dict[str, int]:
        """Key to id of the projects that are not gone."""

    async def totals(self, instance_id: UUID) -> dict[str, int]:
        """Rows that are not gone, by table name."""


class IssueReads(Protocol):
    """The copy as readers see it; tombstones are left out.

    Lists give at most ``limit`` items that come after a position: the place of the last item that is known.
    """

    async def projects(
        self, instance_id: UUID | None, limit: int, after: tuple[str, UUID, int] | None
    ) -> list[ProjectView]:
        """Projects by key, instance and id."""

    async def issues(
        self, wanted: IssueFilter, sort: IssueSort, limit: int, after: tuple[datetime, UUID, int] | None
    ) -> list[IssueSummary]:
        """Issues in the order of ``sort``, then of instance and id in the same direction."""

    async def locate(self, key: str, instance_id: UUID | None) -> tuple[UUID, int]:
        """Instance and id of the issue with this key; raises ``NotFound``, or ``Conflict`` where two sites have it."""

    async def issue(self, instance_id: UUID, issue_id: int, excerpt: int) -> IssueView:
        """The issue with at most ``excerpt`` comments and worklogs; raises ``NotFound``."""

    async def comments(
        self, instance_id: UUID, issue_id: int, limit: int, after: tuple[datetime, int] | None
    ) -> list[CommentView]:
        """Comments by ``created_at`` and id."""

    async def worklogs(
        self, instance_id: UUID, issue_id: int, limit: int, after: tuple[datetime, int] | None
    ) -> list[WorklogView]:
        """Worklogs by ``started_at`` and id."""

    async def history(self, instance_id: UUID, issue_id: int, limit: int, after: int | None) -> list[HistoryEntry]:
        """History entries by id, which is the order they were made in."""


class ApiKeys(Protocol):
    """The tenant's API keys."""

    async def add(self, key: ApiKey) -> None:
        """Store a new key; raises ``Conflict`` when its name is taken by a key that is not revoked."""

    async def by_prefix(self, prefix: str) -> ApiKey | None:
        """The key with this prefix, whatever its state."""

    async def list(self) -> list[ApiKey]:
        """All of them, oldest first, revoked ones included."""

    async def revoke(self, key_id: UUID, now: datetime) -> bool:
        """Mark a key as revoked; False when it was revoked before, which keeps its moment."""

    async def used(self, key_id: UUID, now: datetime, unless_since: datetime) -> None:
        """Note that a key was used, unless a use later than ``unless_since`` is noted already."""


class AuditLog(Protocol):
    """The tenant's audit log."""

    async def add(self, entry: AuditEntry) -> None:
        """Append an entry."""


class UnitOfWork(Protocol):
    """One transaction of one tenant. Leaving the context without ``commit`` rolls back."""

    instances: Instances
    runs: Runs
    mirror: Mirror
    reads: IssueReads
    api_keys: ApiKeys
    audit: AuditLog

    async def commit(self) -> None:
        """Make the work durable."""


OpenUnitOfWork = Callable[[UUID], AbstractAsyncContextManager[UnitOfWork]]


@dataclass(slots=True, kw_only=True)
class IssuePage:
    """The answer to a request for issues by id.

    Every id asked for is in exactly one of ``bundles``, ``missing`` (Jira does not show it) and ``unreadable`` (set
    aside with the reason).
    """

    bundles: list[IssueBundle] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    unreadable: list[tuple[int, Skip]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Account:
    """The account that a credential belongs to."""

    account_id: str
    display_name: str
    time_zone: str


class Jira(Protocol):
    """One Jira site, read with one credential.

    Every method raises ``Unauthorized``, ``Forbidden``, ``RateLimited``, ``Unavailable`` or ``UnreadableAnswer``
    once retries are spent.
    """

    @property
    def requests(self) -> int:
        """HTTP requests sent so far, retries included."""

    async def account(self) -> Account:
        """Who the credential belongs to."""

    async def missing_permissions(self) -> list[str]:
        """Names of the permissions a complete copy needs and the account lacks."""

    async def projects(self) -> list[Project]:
        """Every project the account sees."""

    async def project_parts(self, project: Project) -> tuple[list[Component], list[Version]]:
        """The project's components and its versions."""

    async def users(self) -> list[User]:
        """Every account of the site, inactive ones included."""

    async def statuses(self) -> list[Status]:
        """Every status."""

    async def priorities(self) -> list[Priority]:
        """Every priority in order."""

    async def resolutions(self) -> list[Resolution]:
        """Every resolution."""

    async def issue_types(self) -> list[IssueType]:
        """Every issue type."""

    async def custom_fields(self) -> list[CustomField]:
        """Every custom field; also tells the parser which fields hold sprints and story points."""

    async def boards(self) -> list[Board]:
        """Every agile board."""

    async def sprints(self, board: Board) -> list[Sprint]:
        """The board's sprints; none for boards that have no sprints."""

    async def count_issues(self, projects: Sequence[Project]) -> int:
        """Jira's estimate of the number of issues in the projects together."""

    def issue_refs(self, project: Project, *, after: int, with_updated: bool) -> AsyncIterator[list[IssueRef]]:
        """Pages of the project's issues with ids above ``after``, in ascending order of id."""

    async def changed_since(self, project: Project, moment: datetime) -> dict[int, datetime]:
        """``updated`` of every issue of the project that changed since a moment, and of some that did not."""

    async def issues(self, ids: Sequence[int]) -> IssuePage:
        """Issues with comments, links, attachments and histories, all of them complete."""

    async def complete_worklogs(self, issue: Issue) -> list[Worklog]:
        """All worklogs of one issue, for those whose embedded list was cut."""

    async def worklogs_updated(self, since: int) -> tuple[dict[int, int], int]:
        """Worklog id to its ``updated`` since an instant (epoch ms), and the instant the feed reaches."""

    async def worklogs_deleted(self, since: int) -> tuple[list[int], int]:
        """Ids of worklogs deleted since an instant (epoch ms), and the instant the feed reaches."""

    async def worklogs(self, ids: Sequence[int]) -> tuple[list[Worklog], list[Skip]]:
        """Worklogs by id, and those that could not be read."""


OpenJira = Callable[[JiraInstance], AbstractAsyncContextManager[Jira]]
"""Opens a stored instance with its stored credentials."""

ProbeJira = Callable[[str, Credentials], AbstractAsyncContextManager[Jira]]
"""Opens a site by address with credentials that are not stored yet."""


class Lease(Protocol):
    """The right to work on an instance, held as a session-level lock in the database."""

    def hold(self, instance_id: UUID) -> AbstractAsyncContextManager[bool]:
        """Try to take the lease for as long as the context lasts; yields whether it was had."""

    async def is_free(self, instance_id: UUID) -> bool:
        """Whether nobody holds the lease just now."""


class RunQueue(Protocol):
    """Hands runs to workers. A lost message costs time, never correctness: the sweep sends again."""

    async def enqueue_run(self, tenant_id: UUID, run_id: UUID) -> None:
        """Ask for a worker."""


class Cipher(Protocol):
    """Encrypts what must not be readable in the database."""

    def encrypt(self, plaintext: bytes, context: bytes) -> bytes:
        """Encrypt; ``context`` binds the ciphertext to its row."""

    def decrypt(self, ciphertext: bytes, context: bytes) -> bytes:
        """Decrypt; raises ``Misconfigured`` when the key or the context is another."""


Clock = Callable[[], datetime]
"""The present instant, in UTC."""


class Meter(Protocol):
    """Counts what a run does, for whoever watches the installation; holds no tenant's data."""

    def rows_written(self, counts: dict[str, WriteCounts]) -> None:
        """Rows of one committed transaction, by table name."""

    def run_ended(self, outcome: str, seconds: float) -> None:
        """A run has ``succeeded`` or ``failed``, so many seconds after it was asked for."""


@dataclass(frozen=True, slots=True)
class ReadinessCheck:
    """One thing that requests need; ``detail`` is a sentence without addresses, fit for strangers."""

    name: Literal["database", "migrations", "redis"]
    ok: bool
    detail: str


Readiness = Callable[[], Awaitable[list[ReadinessCheck]]]
"""Looks at everything that requests need; takes a few seconds at most and raises nothing."""

PeakMemory = Callable[[], int]
"""The largest resident set size of this process so far, in bytes."""

TenantIds = Callable[[], Awaitable[list[UUID]]]
"""Ids of all tenants."""
