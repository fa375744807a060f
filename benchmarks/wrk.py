"""Load over HTTP, made by wrk, with the latency of each request by kind."""

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from statistics import median

SCRIPT = Path(__file__).with_name("api_mix.lua")
INSTALL = "wrk is not installed; get it with `apt-get install wrk` (Debian, Ubuntu) or `brew install wrk` (macOS)"

_TIMEOUT_SECONDS = 10
_GOOD = frozenset({200, 304})


@dataclass(kw_only=True)
class Load:
    """What wrk saw; latencies in microseconds, by kind of request.

    ``statuses`` counts the answers that are neither 200 nor 304, ``errors`` what went wrong below HTTP.
    """

    seconds: float
    requests: int
    latencies: dict[str, list[int]]
    statuses: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.requests / self.seconds

    @property
    def all_latencies(self) -> list[int]:
        """The latencies of every kind together."""
        return [each for kind in self.latencies.values() for each in kind]

    def demand_good(self) -> None:
        """See that every request was answered well.

        Raises:
            RuntimeError: One was not.
        """
        if self.statuses or self.errors:
            raise RuntimeError(f"not every request was answered well: {dict(self.statuses)} {dict(self.errors)}")


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least ``share`` per cent of the values do not exceed (nearest rank).

    Raises:
        ValueError: There are no values.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values")
    return ordered[max(0, ceil(len(ordered) * share / 100) - 1)]


def parse(lines: Iterable[str]) -> Load:
    """Read what the script wrote.

    Raises:
        ValueError: The summary at the end is missing, so wrk did not come to its end.
    """
    latencies: dict[str, list[int]] = {}
    statuses: Counter[int] = Counter()
    for line in lines:
        kind, *numbers = line.rstrip("\n").split("\t")
        if kind == "summary":
            requests, microseconds, *failed = (int(number) for number in numbers)
            names = ("connect", "read", "write", "timeout")
            errors = Counter({name: count for name, count in zip(names, failed, strict=True) if count})
            return Load(
                seconds=microseconds / 1e6, requests=requests, latencies=latencies, statuses=statuses, errors=errors
            )
        status, latency = int(numbers[0]), int(numbers[1])
        latencies.setdefault(kind, []).append(latency)
        if status not in _GOOD:
            statuses[status] += 1
    raise ValueError("wrk's summary is missing")


def run(url: str, requests: Path, *, seconds: int, connections: int, rate: float) -> Load:
    """Send the requests of a file for some seconds, at a rate (0: as fast as the answers come).

    Raises:
        RuntimeError: wrk failed.
    """
    results = requests.with_suffix(".results")
    count = str(connections)
    command = ["wrk", "-t", count, "-c", count, "-d", f"{seconds}s", "--timeout", f"{_TIMEOUT_SECONDS}s"]
    command += ["-s", str(SCRIPT), url, "--", str(requests), str(results), str(rate), count]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"wrk failed:\n{done.stdout}{done.stderr}")
    with results.open(encoding="ascii") as lines:
        return parse(lines)


def installed() -> bool:
    """Whether there is a wrk to run."""
    return shutil.which("wrk") is not None


def latency_row(name: str, latencies: Sequence[int]) -> list[str]:
    """A row of a table: how many, and percentiles in milliseconds."""
    points = (median(latencies), percentile(latencies, 95), percentile(latencies, 99), max(latencies))
    return [name, f"{len(latencies):,}", *(f"{point / 1000:.1f}" for point in points)]
