"""Reads over HTTP from a real API process: latency at a given rate, and how many requests it answers at most.

The load comes from wrk on the same machine, so API, PostgreSQL and wrk share its cores.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import msgspec
import sqlalchemy as sa

from benchmarks import wrk
from benchmarks.api_requests import MIX, Reader, draw, vocabulary
from benchmarks.copies import Copies, Place
from benchmarks.product import Commands, api, superuser
from benchmarks.report import Goal, Section, Table, below

RATE = 200
P95_MS = 20
P99_MS = 50
_GOALS = (("p95", 95, P95_MS), ("p99", 99, P99_MS))

_PACED_CONNECTIONS = 32
"""Each sends a 32nd of the rate, so that hardly any request has to wait for the answer to the one before."""
_CEILING_CONNECTIONS = 8
_REQUESTS = 20_000


class IssuedKey(msgspec.Struct, frozen=True):
    """What ``keys create --json`` tells."""

    token: str


def section(copies: Copies) -> Section:
    """Measure the read mix on the largest copy."""
    if not wrk.installed():
        goals = [Goal(_goal_name(name), f"< {bound} ms", "-", None) for name, _, bound in _GOALS]
        return Section(name="api", goals=goals, notes=[f"Not measured: {wrk.INSTALL}."])
    place = copies.to_read()
    try:
        asyncio.run(_settle(place))
        with _token(place) as token, api(place.home) as served, TemporaryDirectory() as folder:
            requests = Path(folder) / "requests"
            _write_requests(requests, token, place, served.url)
            wrk.run(served.url, requests, seconds=2 if copies.quick else 5, connections=4, rate=0)
            seconds = 5 if copies.quick else 60
            paced = wrk.run(served.url, requests, seconds=seconds, connections=_PACED_CONNECTIONS, rate=RATE)
            seconds = 3 if copies.quick else 20
            ceiling = wrk.run(served.url, requests, seconds=seconds, connections=_CEILING_CONNECTIONS, rate=0)
            memory_mb = served.peak_mb()
    finally:
        copies.done_reading(place)
    for load in (paced, ceiling):
        load.demand_good()
    return _report(place, paced, ceiling, memory_mb)


def _goal_name(name: str) -> str:
    return f"API read mix, {name} at {RATE} requests/s"


async def _settle(place: Place) -> None:
    """Do at once what autovacuum does within minutes of a large copy: statistics, visibility."""
    async with superuser(place.home) as connection:
        await connection.execute(sa.text("VACUUM ANALYZE"))


@contextmanager
def _token(place: Place) -> Iterator[str]:
    """An API key that may read issues, revoked when the block ends."""
    run = Commands(place.home)
    tenant = ("--tenant", str(place.tenant_id))
    name = f"bench-{uuid4()}"  # a run that was killed may have left another
    token = run("keys", "create", name, "--scope", "issues:read", *tenant, answer=IssuedKey).token
    try:
        yield token
    finally:
        run("keys", "revoke", name, *tenant, answer=object)


def _write_requests(path: Path, token: str, place: Place, url: str) -> None:
    path.touch(mode=0o600)
    drawn = draw(asyncio.run(vocabulary(place)), Reader(url, token), _REQUESTS)
    path.write_text("\n".join([token, *(request.line() for request in drawn)]) + "\n", encoding="utf-8")


def _report(place: Place, paced: wrk.Load, ceiling: wrk.Load, memory_mb: float) -> Section:
    head = ("Kind", "Answers", "p50 ms", "p95 ms", "p99 ms", "max ms")
    shares = ", ".join(f"{kind} {share} %" for kind, share in MIX.items())
    overall = paced.all_latencies
    return Section(
        name="api",
        tables=[
            Table(
                title=f"Read mix at {place.issues:,} issues, {RATE} requests/s asked for, {paced.rate:.1f} answered",
                head=head,
                rows=_rows(paced),
            ),
            Table(
                title=f"Ceiling, {_CEILING_CONNECTIONS} connections without pause: {ceiling.rate:,.0f} requests/s",
                head=head,
                rows=_rows(ceiling),
            ),
        ],
        goals=[
            Goal("API read mix, achieved rate", f"{RATE}/s +- 5 %", f"{paced.rate:.1f}/s", _reached(paced.rate)),
            *(
                below(_goal_name(name), wrk.percentile(overall, share) / 1000, bound, " ms", 1)
                for name, share, bound in _GOALS
            ),
        ],
        notes=[f"Mix: {shares}. The API process took at most {memory_mb:.0f} MB; {os.cpu_count()} cores for all."],
        data={
            "issues": place.issues,
            "mix": MIX,
            "paced": _kept(paced),
            "ceiling": _kept(ceiling),
            "api_mb": memory_mb,
        },
    )


def _reached(rate: float) -> bool:
    """Whether the pace was kept; a slower one would flatter the latencies."""
    return abs(rate - RATE) <= 0.05 * RATE


def _rows(load: wrk.Load) -> list[list[str]]:
    kinds = [wrk.latency_row(kind, load.latencies[kind]) for kind in MIX if kind in load.latencies]
    return [*kinds, wrk.latency_row("all", load.all_latencies)]


def _kept(load: wrk.Load) -> dict[str, object]:
    """A load as the JSON file keeps it; latencies in milliseconds."""
    return {
        "requests": load.requests,
        "seconds": load.seconds,
        "rate": load.rate,
        "latency": {
            kind: {f"p{share}": wrk.percentile(values, share) / 1000 for share in (50, 95, 99, 100)}
            for kind, values in {**load.latencies, "all": load.all_latencies}.items()
        },
    }
