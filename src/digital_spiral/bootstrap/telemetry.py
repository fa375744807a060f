"""What a process says of itself: log entries, metrics and traces, switched on by the composition root."""

import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from digital_spiral.domain.services.redaction import Redaction, known_secrets
from digital_spiral.infrastructure.config.settings import Settings
from digital_spiral.infrastructure.embedded.servers import Servers
from digital_spiral.infrastructure.observability.logging import setup_logging
from digital_spiral.infrastructure.observability.metric_files import reserve_metric_files

if TYPE_CHECKING:
    from digital_spiral.infrastructure.observability.metrics import Metrics
    from digital_spiral.infrastructure.observability.tracing import Tracing

log = logging.getLogger(__name__)

METRICS_FOLDER = "metrics"
_MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"


def configure_logging(level: str, service: str, json: bool, redaction: Redaction | None = None) -> None:
    """Write log entries of ``level`` and above to stderr, as JSON or as text, without secrets."""
    setup_logging(level, service, json=json, redaction=redaction or Redaction())


def begin_log(settings: Settings, service: str) -> None:
    """Set up the log of a process that runs on for itself: ``api``, ``worker``, ``beat`` or ``up``."""
    configure_logging(settings.log_level, service, settings.log_format == "json", redaction_of(settings))


def redaction_of(settings: Settings) -> Redaction:
    """Return what hides the secrets of the settings, and whatever looks like one."""
    secrets = (settings.jira_token, settings.metrics_token, settings.master_key)
    addresses = (settings.database_url, settings.database_owner_url, settings.redis_url)
    return Redaction(
        known_secrets(
            [secret.get_secret_value() if secret else None for secret in secrets],
            [settings.otlp_endpoint, *(address.get_secret_value() if address else None for address in addresses)],
        )
    )


def metrics_folder(settings: Settings) -> Path:
    """Return where the processes of an installation keep what they count."""
    return settings.home / METRICS_FOLDER


def open_metrics(folder: Path | None, service: str = "cli") -> "Metrics":
    """Return what a process counts with.

    Args:
        folder: Where all processes of the installation keep their values; None, or a folder that cannot be written,
            keeps them in this process.
        service: Which of the program's processes this is.
    """
    if folder is not None:
        try:
            reserve_metric_files(folder)
            os.environ[_MULTIPROCESS] = str(folder)
        except OSError as error:
            log.warning("What this process counts is not seen elsewhere, since %s cannot be written: %s", folder, error)
            os.environ.pop(_MULTIPROCESS, None)
            folder = None
    # prometheus_client decides at its import, by that variable, where values are kept.
    from digital_spiral.infrastructure.observability.metrics import Metrics

    return Metrics(folder, service)


def metrics_renderer(metrics: "Metrics", servers: Servers) -> Callable[[], Awaitable[tuple[bytes, str]]]:
    """Return what reads all metrics of the installation, in Prometheus' text format with its content type."""
    from digital_spiral.infrastructure.observability.scrape import Scrape, sources_of

    return Scrape(metrics, sources_of(servers.database_url, servers.redis_url)).render


def open_tracing(settings: Settings, service: str) -> "Tracing | None":
    """Switch tracing on, where a collector is configured; to be called in the process that works, after any fork."""
    if settings.otlp_endpoint is None:
        return None
    from digital_spiral.infrastructure.observability.tracing import Tracing

    return Tracing(settings.otlp_endpoint, service, redaction_of(settings))
