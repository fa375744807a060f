"""Copies of sites, each in a home of its own, made when a section first asks for them and kept for the others."""

import asyncio
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

import msgspec
import sqlalchemy as sa

from benchmarks.product import SITE, Commands, Dataset, Process, background, emulator, generated, superuser
from digital_spiral.infrastructure.embedded.servers import stop_servers


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What ``sync backfill --json`` tells of a run."""

    issues_done: int
    jira_requests: int
    seconds: float
    worker_peak_rss_mb: float
    counts: dict[str, dict[str, int]]

    @property
    def pace(self) -> float:
        """Issues per second."""
        return self.issues_done / self.seconds

    @property
    def requests_per_thousand(self) -> float:
        """Requests to Jira for each 1,000 issues."""
        return 1000 * self.jira_requests / self.issues_done

    @property
    def rows_written(self) -> int:
        """Rows that the run created, updated, repaired or marked as gone."""
        return sum(table[kind] for table in self.counts.values() for kind in ("created", "updated", "repaired", "gone"))


class Census(msgspec.Struct, frozen=True, kw_only=True):
    """What ``census --json`` tells, with the seconds that the command took."""

    match_percent: float
    compared: int
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A copied site: where it is, and what making it took.

    ``second`` and ``census`` are missing where only the first copy was asked for; ``database_bytes`` is what the
    first copy added to the database on disk, indexes included, write-ahead log not.
    """

    dataset: Dataset
    home: Path
    first: Run
    emulator_mb: float
    database_bytes: int
    second: Run | None = None
    census: Census | None = None

    @property
    def name(self) -> str:
        """How many issues of which kind."""
        return f"{self.first.issues_done:,} {self.dataset.kind}"


@dataclass(frozen=True)
class Place:
    """The largest copied site of a home."""

    home: Path
    tenant_id: UUID
    instance_id: UUID
    issues: int


@dataclass
class Copies:
    """Makes copies in temporary homes; used as a context manager, which removes them.

    ``home`` is a home with a copy that sections which only read may use.
    """

    shared: Path
    quick: bool
    home: Path | None = None
    _kept: dict[Dataset, Copy] = field(default_factory=dict)
    _homes: list[Path] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for home in list(self._homes):
            self._remove(home)

    @property
    def small(self) -> Dataset:
        """The site that the cost per issue of a larger one is compared with."""
        return generated(500 if self.quick else 5000)

    @property
    def large(self) -> Dataset:
        """The largest site."""
        return generated(2000 if self.quick else 100_000)

    @property
    def medium(self) -> Dataset:
        """The real corpus where it lies beside the checkout, else as many generated issues."""
        files = sorted((self.shared / "jira-data").glob("issues-titanium-*.jsonl.gz"))
        if self.quick:
            files = [file for file in files if "aloy" in file.name]
        if not files:
            return generated(1000 if self.quick else 27_000)
        data = tuple(argument for file in files for argument in ("--data", str(file)))
        return Dataset("real", (*data, "--synthesise-history"))

    def of(self, dataset: Dataset) -> Copy:
        """The copy of a dataset, with a second run and a census; made when it is not there yet."""
        copy = self._kept.get(dataset)
        if copy is None:
            copy = self._kept[dataset] = self._make(dataset, whole=True)
        return copy

    def to_read(self) -> Place:
        """A large copy whose servers run: that of the home which was named, else one made here."""
        return asyncio.run(largest_in(self.home or self.of(self.large).home))

    def done_reading(self, place: Place) -> None:
        """Stop the servers of a place that was made here."""
        if place.home in self._homes:
            stop_servers(place.home)

    def once_more(self, dataset: Dataset) -> Copy:
        """Another first copy of a dataset in a fresh home, which is gone when this returns."""
        copy = self._make(dataset, whole=False)
        self._remove(copy.home)
        return copy

    def _make(self, dataset: Dataset, *, whole: bool) -> Copy:
        home = Path(tempfile.mkdtemp(prefix="ds-bench-"))
        self._homes.append(home)
        home.chmod(0o755)  # PostgreSQL runs as another account when this runs as root
        with emulator(dataset, home) as jira:
            copy = _copy(dataset, home, jira, whole=whole)
        print(f"copied {copy.name} issues: {copy.first.pace:,.0f} issues/s", flush=True)
        # An idle server still vacuums and checkpoints, which would disturb what is measured next.
        stop_servers(home)
        return copy

    def _remove(self, home: Path) -> None:
        stop_servers(home)
        shutil.rmtree(home)
        self._homes.remove(home)


def _copy(dataset: Dataset, home: Path, jira: Process, *, whole: bool) -> Copy:
    """Copy the site once, and with ``whole`` once more, followed by the census."""
    run = Commands(home)
    run.connect(jira.url)
    empty = asyncio.run(_database_bytes(home))
    second = census = None
    with background(home, "worker"), background(home, "beat"):
        first = run("sync", "backfill", SITE, "--wait", answer=Run)
        full = asyncio.run(_database_bytes(home))
        if whole:
            second = run("sync", "backfill", SITE, "--wait", answer=Run)
            started = time.perf_counter()
            census = msgspec.structs.replace(run("census", SITE, answer=Census), seconds=time.perf_counter() - started)
    return Copy(
        dataset=dataset,
        home=home,
        first=first,
        emulator_mb=jira.peak_mb(),
        database_bytes=full - empty,
        second=second,
        census=census,
    )


async def _database_bytes(home: Path) -> int:
    async with superuser(home) as connection:
        found = await connection.execute(sa.text("SELECT pg_database_size(current_database())"))
        return int(found.scalar_one())


async def largest_in(home: Path) -> Place:
    """The copied site with the most issues among all tenants of a home.

    Raises:
        RuntimeError: The home holds no copied issue.
    """
    query = "SELECT tenant_id, instance_id, count(*) FROM issues WHERE gone_at IS NULL GROUP BY 1, 2 ORDER BY 3 DESC"
    async with superuser(home) as connection:
        row = (await connection.execute(sa.text(query))).first()
    if row is None:
        raise RuntimeError(f"{home} holds no copied issue. Name another home, or none to have one made.")
    return Place(home, row[0], row[1], row[2])
