"""What `/metrics` shows: what the processes counted, and the present state of queue and runs."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from digital_spiral.infrastructure.database.run_lag import RunLag, read_run_lag
from digital_spiral.infrastructure.database.session import create_single_engine
from digital_spiral.infrastructure.observability.metrics import CONTENT_TYPE, PREFIX, Metrics
from digital_spiral.infrastructure.queue.backlog import Backlog, read_backlog

log = logging.getLogger(__name__)

SOURCE_SECONDS = 2.0
"""A source that does not answer by then counts as failed."""
KEPT_SECONDS = 5.0
"""How long an answer is shown again, so that many scrapes ask no more than one."""

Ask = Callable[[], Awaitable[list[Metric]]]


@dataclass(slots=True)
class _Source:
    ask: Ask
    asked_at: float = float("-inf")
    answer: list[Metric] | None = None
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Scrape:
    """Renders the metrics. A source that fails is named, and takes nothing else with it.

    Args:
        metrics: What was counted.
        sources: What to ask at each scrape, by name.
    """

    def __init__(self, metrics: Metrics, sources: Mapping[str, Ask]) -> None:
        self._metrics = metrics
        self._sources = {name: _Source(ask) for name, ask in sources.items()}

    async def render(self) -> tuple[bytes, str]:
        """The metrics in Prometheus' text format, and its content type."""
        self._metrics.note_memory()
        answers = await asyncio.gather(*(self._answer(name, source) for name, source in self._sources.items()))
        up = GaugeMetricFamily(PREFIX + "source_up", "Whether the source answered (1) or not (0).", labels=["source"])
        shown: list[Metric] = [up]
        for name, answer in zip(self._sources, answers, strict=True):
            up.add_metric([name], float(answer is not None))
            shown += answer or []
        return await asyncio.to_thread(self._metrics.render, shown), CONTENT_TYPE

    async def _answer(self, name: str, source: _Source) -> list[Metric] | None:
        async with source.asking:
            if time.monotonic() - source.asked_at >= KEPT_SECONDS:
                source.answer = await self._asked(name, source)
                source.asked_at = time.monotonic()
            return source.answer

    async def _asked(self, name: str, source: _Source) -> list[Metric] | None:
        try:
            async with asyncio.timeout(SOURCE_SECONDS):
                return await source.ask()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one source, the others are shown
            self._metrics.scrape_failed(name)
            log.warning("The metrics that come from %s are missing: %s", name, str(error) or type(error).__name__)
            return None


def sources_of(database_url: str, redis_url: str) -> dict[str, Ask]:
    """What is asked of an installation at each scrape.

    Args:
        database_url: PostgreSQL's address. A pool that is exhausted must not keep the metrics from being read, so
            each question takes a connection of its own.
        redis_url: Redis' address.
    """
    engine = create_single_engine(database_url, application_name="digital-spiral metrics")

    async def runs() -> list[Metric]:
        return lag_metrics(await read_run_lag(engine))

    async def queue() -> list[Metric]:
        return backlog_metrics(await read_backlog(redis_url, SOURCE_SECONDS))

    return {"database": runs, "redis": queue}


def backlog_metrics(backlog: Backlog) -> list[Metric]:
    """The state of the queue."""
    return [
        _gauge("queue_messages", "Messages that no worker has taken.", backlog.messages),
        _gauge(
            "queue_oldest_message_age_seconds",
            "Time since the oldest of them was sent; 0: none.",
            backlog.oldest_seconds,
        ),
    ]


def lag_metrics(lag: RunLag) -> list[Metric]:
    """The state of the runs of all tenants."""
    return [
        _gauge("runs_unfinished", "Sync runs that are queued or running.", lag.unfinished),
        _gauge(
            "run_stalled_seconds", "Longest time that an unfinished run has shown no progress.", lag.stalled_seconds
        ),
        _gauge(
            "last_success_age_seconds",
            "Longest time since an instance's last run that succeeded, or since it was connected.",
            lag.success_seconds,
        ),
    ]


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, text, value=value)
