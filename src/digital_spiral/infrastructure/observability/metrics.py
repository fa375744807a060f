"""What the processes of an installation count, in Prometheus' form.

With a folder, each process keeps its values in memory-mapped files there, and whichever is scraped shows the sum over
all of them. Counters of processes that have ended, however that was, still count; what a dead process last said of
its own state does not. No label holds a tenant, an account, a key or an address.
"""

import contextlib
import glob
import logging
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from platform import python_version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from digital_spiral.domain.entities.mirror import WriteCounts
from digital_spiral.infrastructure.observability.metric_files import forget_states_of_the_dead, forget_unless_in_use

log = logging.getLogger(__name__)

PREFIX = "digital_spiral_"
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_JIRA_BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64)
_WAIT_BUCKETS = (0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 30)
_RUN_BUCKETS = (1, 10, 30, 60, 300, 900, 3600, 14_400, 43_200, 86_400, 259_200)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

OUTCOMES = ("succeeded", "failed")
SOURCES = ("database", "redis", "files")
"""What a scrape asks beyond the counters: PostgreSQL, Redis, and the files of the processes."""


class Metrics:
    """Every metric of the product. Counting is cheap enough for each request and each transaction.

    Args:
        folder: Where processes keep their values; without one they stay in this process. It has to be the folder
            that PROMETHEUS_MULTIPROC_DIR named when prometheus_client was first imported.
        service: Which of the program's processes this is.
    """

    def __init__(self, folder: Path | None, service: str) -> None:
        self._folder = folder
        self._service = service
        self.registry = CollectorRegistry()
        self._define_api()
        self._define_jira()
        self._define_runs()
        self._define_process()

    def _define_api(self) -> None:
        self._api_requests = self._histogram(
            "api_request_duration_seconds",
            "Time to answer a request to the API.",
            ("method", "route", "status"),
            _REQUEST_BUCKETS,
        )

    def _define_jira(self) -> None:
        self._jira_requests = self._counter(
            "jira_requests_total", "Requests sent to Jira, retries included.", ("endpoint", "status")
        )
        self._jira_seconds = self._histogram(
            "jira_request_duration_seconds", "Time until Jira's answer was complete.", ("endpoint",), _JIRA_BUCKETS
        )
        self._jira_retries = self._counter("jira_retries_total", "Requests to Jira that were sent again.", ("reason",))
        self._jira_waits = self._counter(
            "jira_retry_wait_seconds_total", "Time waited before requests to Jira were sent again.", ("reason",)
        )

    def _define_runs(self) -> None:
        self._rows = self._counter(
            "rows_written_total", "Rows of committed transactions, by what became of them.", ("table", "outcome")
        )
        self._runs = self._counter("runs_ended_total", "Sync runs that have ended.", ("outcome",))
        self._run_seconds = self._histogram(
            "run_duration_seconds", "Time from the request for a run to its end.", ("outcome",), _RUN_BUCKETS
        )
        for outcome in OUTCOMES:
            self._runs.labels(outcome)

    def _define_process(self) -> None:
        self._pool_size = self._state("database_pool_size", "Connections that the pools keep open at most.", "livesum")
        self._pool_in_use = self._state("database_pool_in_use", "Connections of the pools in use.", "livesum")
        self._pool_overflow = self._state(
            "database_pool_overflow", "Connections beyond the pools' size, closed after use.", "livesum"
        )
        self._pool_wait = self._histogram(
            "database_pool_wait_seconds", "Time until a connection to PostgreSQL was had.", ("service",), _WAIT_BUCKETS
        )
        self._memory = self._state(
            "process_memory_bytes", "Resident memory of the largest process of the service.", "livemax"
        )
        self._scrape_errors = self._counter(
            "scrape_errors_total", "Sources that failed while metrics were read.", ("source",)
        )
        for source in SOURCES:
            self._scrape_errors.labels(source)

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(PREFIX + name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, labels: tuple[str, ...], buckets: tuple[float, ...]) -> Histogram:
        return Histogram(PREFIX + name, text, labels, buckets=buckets, registry=self.registry)

    def _state(self, name: str, text: str, mode: str) -> Gauge:
        """A gauge that only living processes have a say in."""
        return Gauge(PREFIX + name, text, ("service",), multiprocess_mode=mode, registry=self.registry)  # type: ignore[arg-type]

    def api_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request to the API was answered; ``route`` is the template, empty where none matched."""
        known = method if method in _METHODS else "other"
        self._api_requests.labels(known, route or "none", str(status)).observe(seconds)

    def jira_request(self, endpoint: str, status: str, seconds: float) -> None:
        """A request to Jira ended: ``endpoint`` without ids, and the answer's code or what came in its place."""
        self._jira_requests.labels(endpoint, status).inc()
        self._jira_seconds.labels(endpoint).observe(seconds)

    def jira_retry(self, reason: str, seconds: float) -> None:
        """A request to Jira will be sent again after a wait."""
        self._jira_retries.labels(reason).inc()
        self._jira_waits.labels(reason).inc(seconds)

    def rows_written(self, counts: dict[str, WriteCounts]) -> None:
        """Rows of one committed transaction, by table name."""
        for table, outcomes in counts.items():
            for outcome, rows in asdict(outcomes).items():
                if rows:
                    self._rows.labels(table, outcome).inc(rows)
        self.note_memory()

    def run_ended(self, outcome: str, seconds: float) -> None:
        """A run has ``succeeded`` or ``failed``, so many seconds after it was asked for."""
        self._runs.labels(outcome).inc()
        self._run_seconds.labels(outcome).observe(max(0.0, seconds))

    def pool(self, size: int, in_use: int, overflow: int) -> None:
        """The state of this process's pool of connections."""
        self._pool_size.labels(self._service).set(size)
        self._pool_in_use.labels(self._service).set(in_use)
        self._pool_overflow.labels(self._service).set(overflow)

    def waited_for_connection(self, seconds: float) -> None:
        """A connection was had after a wait."""
        self._pool_wait.labels(self._service).observe(seconds)

    def note_memory(self) -> None:
        """Note how much memory this process has at present, where the system tells."""
        with contextlib.suppress(OSError):
            self._memory.labels(self._service).set(_resident_bytes())

    def scrape_failed(self, source: str) -> None:
        """A source could not be asked while metrics were read."""
        self._scrape_errors.labels(source).inc()

    def render(self, more: Iterable[Metric] = ()) -> bytes:
        """Everything that was counted, in Prometheus' text format (``CONTENT_TYPE``), with ``more`` after it.

        It reads files, and is not for an event loop.
        """
        shown = CollectorRegistry()
        shown.register(_Families([_build_info(), *more]))
        shown.register(_Files(self._folder, self) if self._folder else _Families(self.registry.collect()))
        return generate_latest(shown)


class _Families(Collector):
    """Metrics that are known already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


class _Files(Collector):
    """The sum over the files of all processes."""

    def __init__(self, folder: Path, metrics: Metrics) -> None:
        self._folder = folder
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        forget_states_of_the_dead(self._folder)
        files = glob.glob(str(self._folder / "*.db"))
        try:
            return MultiProcessCollector.merge(files)  # type: ignore[no-any-return, no-untyped-call]
        except _UNREADABLE:
            self._metrics.scrape_failed("files")
            return MultiProcessCollector.merge(list(_readable(files)))  # type: ignore[no-any-return, no-untyped-call]


# What a file says that its process left in the middle of making it.
_UNREADABLE = (OSError, RuntimeError, struct.error, ValueError, KeyError, IndexError)


def _readable(files: Iterable[str]) -> Iterator[str]:
    for file in files:
        try:
            MultiProcessCollector.merge([file])  # type: ignore[no-untyped-call]
        except _UNREADABLE as error:
            log.warning("The metrics in %s cannot be read and are left out: %s", Path(file).name, error)
            forget_unless_in_use(Path(file))
        else:
            yield file


def _build_info() -> Metric:
    family = GaugeMetricFamily(
        PREFIX + "build_info", "The version that answers; always 1.", labels=["version", "python"]
    )
    family.add_metric([version("digital-spiral"), python_version()], 1.0)
    return family


def _resident_bytes() -> int:
    with open("/proc/self/statm", "rb") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
