"""Log entries: the standard library's loggers and structlog's on one stream, in one form, without secrets."""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

import orjson
import stamina.instrumentation
import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

from digital_spiral.domain.services.redaction import Redaction

# An entry per request would be most of a worker's log, and shows what the run's counter of requests shows; looking up
# the schema's revision is no news either.
CHATTY = ("httpx2", "httpcore2", "asyncio", "alembic", "celery", "kombu", "urllib3", "opentelemetry", "uvicorn.access")
# Even at `debug` nobody needs each step of a connection, or of a library's own start; and rows of the copy must not be
# written.
NEVER_IN_DETAIL = ("sqlalchemy", "kombu", "amqp", "urllib3", "httpcore2", "celery.utils.functional", "multiprocessing")

_FIRST = ("timestamp", "level", "event", "logger", "service", "pid", "request_id", "tenant_id", "instance_id", "run_id")
# What other handlers leave on a record, and uvicorn's second version of its text.
_NOT_SHOWN = ("message", "asctime", "color_message")
_TRACER = "opentelemetry.trace"

uncaught = logging.getLogger("digital_spiral.uncaught")


def setup_logging(level: str, service: str, *, json: bool, redaction: Redaction, stream: TextIO | None = None) -> None:
    """Write entries of ``level`` (``debug``, ``info``, ``warning``, ``error``) and above to stderr.

    Warnings and exceptions that nobody caught become entries, too. Calling it again replaces what an earlier call
    set up.

    Args:
        level: The least severe level that is written.
        service: Which of the program's processes this is.
        json: Whether an entry is a JSON object, or text for people.
        redaction: Takes secrets out of everything that is written.
        stream: Written to instead of stderr.
    """
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, EntryHandler)]:
        root.removeHandler(handler)
    root.addHandler(EntryHandler(Renderer(service, json=json, redaction=redaction), stream))
    root.setLevel(level.upper())
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.NOTSET if level == "debug" else logging.WARNING)
    for name in NEVER_IN_DETAIL:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    _take_over_hooks()
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    # Its hook for Prometheus, which it takes up by itself, would make a time series of each path.
    stamina.instrumentation.set_on_retry_hooks([stamina.instrumentation.StructlogOnRetryHook])


class EntryHandler(logging.StreamHandler[TextIO]):
    """Writes entries to stderr, and never raises: what cannot be rendered is written in a reduced form."""

    def __init__(self, renderer: "Renderer", stream: TextIO | None) -> None:
        super().__init__(stream or sys.stderr)
        self._renderer = renderer
        self.setFormatter(
            ProcessorFormatter(processors=renderer.processors(), foreign_pre_chain=[structlog.stdlib.ExtraAdder()])
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Write the entry of a record."""
        try:
            entry = self.format(record)
        except Exception as error:  # noqa: BLE001 - a log entry must not end the program, nor be lost
            entry = self._renderer.reduced(record, error)
        # A stream that is closed, or a full disk, takes no complaint either.
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(entry + self.terminator)
            self.flush()


class Renderer:
    """Turns records into entries. Redaction is the last step, over the whole entry."""

    def __init__(self, service: str, *, json: bool, redaction: Redaction) -> None:
        self._service = service
        self._json = json
        self._redaction = redaction

    def processors(self) -> list[Processor]:
        """What an event goes through, from either library."""
        return [
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.contextvars.merge_contextvars,
            self._framed,
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            self._rendered,
        ]

    def _framed(self, _logger: object, _method: str, event: EventDict) -> EventDict:
        for name in _NOT_SHOWN:
            event.pop(name, None)
        entry = self._frame(event["_record"]) | _trace() | dict(event)
        return {name: entry[name] for name in (*_FIRST, *entry) if name in entry}

    def _frame(self, record: logging.LogRecord) -> dict[str, object]:
        return {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "service": self._service,
            "pid": os.getpid(),
        }

    def _rendered(self, _logger: object, _method: str, event: EventDict) -> str:
        if self._json:
            line = _as_it_is(event)
            if line is not None and not self._redaction.suspects(line):
                return line
        clean = self._redaction.value(event)
        assert isinstance(clean, dict)  # noqa: S101 - as it went in
        return self._written(clean)

    def reduced(self, record: logging.LogRecord, error: Exception) -> str:
        """The entry of a record that cannot be rendered: its text before arguments were put in, and why."""
        message = record.msg.get("event") if isinstance(record.msg, dict) else record.msg
        text = message if isinstance(message, str) else type(message).__name__
        event = self._frame(record) | {"event": text, "log_error": type(error).__name__}
        try:
            return self._written({name: self._redaction.value(item) for name, item in event.items()})
        except Exception as again:  # noqa: BLE001 - an entry must not end the program; this one holds no content
            return f'{{"event":"A log entry could not be written: {type(again).__name__}","level":"error"}}'

    def _written(self, event: Mapping[str, object]) -> str:
        text = _as_json(event) if self._json else _as_text(event)
        clean = self._redaction.shapes(text)
        if self._json and clean != text and not _is_json(clean):
            return _as_json({"event": clean, "level": event.get("level"), "service": self._service})
        return clean


def _trace() -> dict[str, object]:
    """The trace that this is part of; nothing is imported to find out."""
    tracing = sys.modules.get(_TRACER)
    if tracing is None:
        return {}
    context = tracing.get_current_span().get_span_context()
    return {"trace_id": f"{context.trace_id:032x}"} if context.is_valid else {}


def _as_it_is(event: Mapping[str, object]) -> str | None:
    try:
        return orjson.dumps(event, default=str).decode()
    except TypeError:  # something that JSON does not hold, to be looked at piece by piece
        return None


def _as_json(event: Mapping[str, object]) -> str:
    try:
        return orjson.dumps(event).decode()
    except TypeError:  # a lone surrogate, or a number beyond 64 bits
        plain = {name: str(item).encode("utf-8", "backslashreplace").decode() for name, item in event.items()}
        return orjson.dumps(plain).decode()


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _as_text(event: Mapping[str, object]) -> str:
    rest = dict(event)
    when, level, pid, logger, text = (
        str(rest.pop(name, "")) for name in ("timestamp", "level", "pid", "logger", "event")
    )
    del rest["service"]
    below = [str(rest.pop(name)) for name in ("exception", "stack") if name in rest]
    fields = "".join(f" {name}={item}" for name, item in rest.items())
    return "\n".join([f"{when} {level.upper()} {pid} {logger}: {text}{fields}", *below])


def _take_over_hooks() -> None:
    """Log what nobody catches, unless somebody else, such as a test runner, has seen to that."""
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _log_uncaught
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _log_uncaught_in_thread
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _log_unraisable


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    uncaught.critical("An exception was not caught: %s", kind.__name__, exc_info=(kind, error, trace))


def _log_uncaught_in_thread(found: threading.ExceptHookArgs) -> None:
    if found.exc_value is None or found.exc_type is SystemExit:
        return
    name = found.thread.name if found.thread else "unknown"
    uncaught.critical(
        "An exception ended the thread %s: %s",
        name,
        found.exc_type.__name__,
        exc_info=(found.exc_type, found.exc_value, found.exc_traceback),
    )


def _log_unraisable(found: "sys.UnraisableHookArgs") -> None:
    error = found.exc_value
    if error is None:
        return
    uncaught.error(
        "%s: %s", found.err_msg or "An exception could not be raised", found.exc_type.__name__, exc_info=error
    )
