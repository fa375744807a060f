"""Logging: one stream, stderr, for the standard library's loggers and structlog's alike."""

import logging

import structlog

# An entry per request would be most of a worker's log, and shows what the run's counter of requests shows; looking up
# the schema's revision is no news either.
CHATTY = ("httpx2", "httpcore2", "asyncio", "alembic")


def configure_logging(level: str) -> None:
    """Write entries of ``level`` (``debug``, ``info``, ``warning``, ``error``) and above to stderr.

    Libraries that find structlog, as the one that retries requests does, use it as it is configured; unconfigured it
    would write to stdout, which belongs to answers.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s")
    logging.getLogger().setLevel(level.upper())
    if level != "debug":
        for name in CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"], drop_missing=True),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
