"""Every log entry is one line on one stream, in one form, and without secrets, whatever goes wrong."""

import asyncio
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import cast

import pytest
import stamina
import stamina.instrumentation
import structlog
from hypothesis import given
from hypothesis import strategies as st

from digital_spiral.domain.services.redaction import REDACTED, Redaction
from digital_spiral.infrastructure.observability.logging import EntryHandler, Renderer, setup_logging

EMAIL = "pat@mail.example.com"
PLANTED = "planted secret of the settings"

Entries = Callable[[], list[dict[str, object]]]


class Stream(io.StringIO):
    """A stream whose lines are entries."""

    def entries(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def quiet() -> Iterator[None]:
    """Put the process back as it was: these tests change what is global."""
    root = logging.getLogger()
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    levels = {
        name: logger.level for name, logger in root.manager.loggerDict.items() if isinstance(logger, logging.Logger)
    }
    level = root.level
    sys.excepthook, threading.excepthook, sys.unraisablehook = (
        sys.__excepthook__,
        threading.__excepthook__,
        sys.__unraisablehook__,
    )
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    logging.captureWarnings(False)
    for handler in [handler for handler in root.handlers if isinstance(handler, EntryHandler)]:
        root.removeHandler(handler)
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    stamina.instrumentation.set_on_retry_hooks(None)


@pytest.fixture
def stream(quiet: None) -> Stream:
    written = Stream()
    setup_logging("debug", "worker", json=True, redaction=Redaction(frozenset({PLANTED})), stream=written)
    return written


def test_both_libraries_write_the_same_fields(stream: Stream) -> None:
    structlog.contextvars.bind_contextvars(request_id="r1", tenant_id="t1", run_id="u1")
    logging.getLogger("plain").warning("%d of %s", 3, "4", extra={"phase": "issues"})
    structlog.get_logger("native").warning("%d of %s", 3, "4", phase="issues")
    plain, native = stream.entries()
    assert list(plain)[:8] == ["timestamp", "level", "event", "logger", "service", "pid", "request_id", "tenant_id"]
    assert plain | {"logger": "", "timestamp": ""} == native | {"logger": "", "timestamp": ""}
    assert (plain["event"], plain["level"], plain["service"], plain["phase"]) == (
        "3 of 4",
        "warning",
        "worker",
        "issues",
    )
    assert str(plain["timestamp"]).endswith("+00:00")


def test_a_record_may_speak_for_another_process(stream: Stream) -> None:
    logging.getLogger("plain").info("PostgreSQL says", extra={"service": "postgres", "pid": 4})
    (entry,) = stream.entries()
    assert (entry["service"], entry["pid"]) == ("postgres", 4)


def test_secrets_are_hidden_in_text_arguments_fields_and_exceptions(stream: Stream) -> None:
    log, native = logging.getLogger("plain"), structlog.get_logger("native")
    log.info("of %s and %s", EMAIL, PLANTED, extra={"headers": {"Authorization": "Basic abcdefgh"}, "mail": [EMAIL]})
    native.info(f"of {EMAIL}", token="abc", nested=({"a": EMAIL},))
    try:
        raise ValueError(f"no {EMAIL}, {PLANTED}") from KeyError(EMAIL)
    except ValueError as error:
        log.exception("failed: %s", error)
        native.exception("failed", error=error)
    text = stream.getvalue()
    assert EMAIL not in text
    assert PLANTED not in text
    assert "abcdefgh" not in text
    entries = stream.entries()
    assert entries[0]["headers"] == {"Authorization": REDACTED}
    assert entries[1]["token"] == REDACTED
    for entry in entries[2:]:
        assert "ValueError: no [redacted], [redacted]" in str(entry["exception"])
        assert "test_logging.py" in str(entry["exception"])


def test_an_entry_that_cannot_be_rendered_is_written_in_part(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    # The handlers of pytest raise what a logger must not.
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [handler for handler in root.handlers if isinstance(handler, EntryHandler)])

    class Unshowable:
        def __repr__(self) -> str:
            raise RuntimeError(EMAIL)

    logging.getLogger("plain").info("count %d of " + EMAIL, "three")
    structlog.get_logger("native").info("count %d", "three")
    logging.getLogger("plain").info("of %s", Unshowable())
    structlog.get_logger("native").info("of", what=Unshowable())
    logging.getLogger("plain").info("after %s", "it")
    entries = stream.entries()
    assert [entry.get("log_error") for entry in entries] == [
        "TypeError",
        "TypeError",
        "RuntimeError",
        "RuntimeError",
        None,
    ]
    assert [entry["event"] for entry in entries] == [f"count %d of {REDACTED}", "count %d", "of %s", "of", "after it"]


def test_a_redaction_that_fails_loses_the_content_not_the_entry(quiet: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise RecursionError(EMAIL)

    written = Stream()
    setup_logging("info", "worker", json=True, redaction=Redaction(), stream=written)
    monkeypatch.setattr(Redaction, "value", broken)
    logging.getLogger("plain").info("of %s", EMAIL)
    assert written.entries() == [{"event": "A log entry could not be written: RecursionError", "level": "error"}]


def test_a_closed_stream_is_borne(quiet: None) -> None:
    written = Stream()
    setup_logging("info", "worker", json=True, redaction=Redaction(), stream=written)
    written.close()
    logging.getLogger("plain").info("nobody reads this")


def test_what_nobody_caught_becomes_entries(stream: Stream) -> None:
    def fail() -> None:
        raise ValueError(EMAIL)

    thread = threading.Thread(target=fail, name="failing")
    thread.start()
    thread.join()
    try:
        fail()
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)
        sys.unraisablehook(_unraisable(error))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"of {EMAIL}", stacklevel=1)
    in_thread, in_main, unraisable, warning = stream.entries()
    assert "the thread failing: ValueError" in str(in_thread["event"])
    assert (in_main["level"], in_main["event"]) == ("critical", "An exception was not caught: ValueError")
    assert unraisable["event"] == "while closing: ValueError"
    assert (warning["logger"], warning["level"]) == ("py.warnings", "warning")
    assert EMAIL not in stream.getvalue()


def _unraisable(error: Exception) -> "sys.UnraisableHookArgs":
    found = SimpleNamespace(exc_type=type(error), exc_value=error, err_msg="while closing", object=None)
    return cast("sys.UnraisableHookArgs", found)


async def test_tasks_that_fail_unseen_become_entries(stream: Stream) -> None:
    loop = asyncio.get_running_loop()
    loop.call_exception_handler({"message": "Task exception was never retrieved", "exception": ValueError(EMAIL)})
    entry = stream.entries()[-1]
    assert (entry["logger"], entry["level"]) == ("asyncio", "error")
    assert "ValueError" in str(entry["exception"])
    assert EMAIL not in stream.getvalue()


def test_retries_are_logged_without_secrets_and_without_a_time_series_of_each_path(stream: Stream) -> None:
    attempts = []

    def fail_once() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise ValueError(f"Jira refuses {EMAIL}")

    for attempt in stamina.retry_context(on=ValueError, attempts=2, wait_initial=0.001):
        with attempt:
            fail_once()
    (entry,) = stream.entries()
    assert entry["event"] == "stamina.retry_scheduled"
    assert entry["caused_by"] == f"ValueError('Jira refuses {REDACTED}')"
    assert len(stamina.instrumentation.get_on_retry_hooks()) == 1


def test_text_for_people(quiet: None) -> None:
    written = Stream()
    setup_logging("warning", "cli", json=False, redaction=Redaction(), stream=written)
    logging.getLogger("plain").info("not this")
    try:
        raise ValueError(EMAIL)
    except ValueError:
        logging.getLogger("plain").exception("of %s", EMAIL, extra={"phase": "users"})
    first, *rest = written.getvalue().splitlines()
    assert first.endswith("plain: of [redacted] phase=users")
    assert " ERROR " in first
    assert rest[-1] == "ValueError: [redacted]"


def test_hooks_of_somebody_else_stay(quiet: None) -> None:
    def own(*_: object) -> None:
        """What a test runner would set."""

    sys.unraisablehook = own
    setup_logging("info", "a", json=True, redaction=Redaction(), stream=Stream())
    assert sys.unraisablehook is own
    assert sys.excepthook is not sys.__excepthook__


def test_setting_up_again_replaces_what_was(quiet: None) -> None:
    first, second = Stream(), Stream()
    setup_logging("debug", "a", json=True, redaction=Redaction(), stream=first)
    setup_logging("info", "b", json=True, redaction=Redaction(), stream=second)
    logging.getLogger("plain").info("once")
    logging.getLogger("httpx2").info("chatter")
    assert first.getvalue() == ""
    assert [entry["event"] for entry in second.entries()] == ["once"]


@given(
    text=st.text(),
    fields=st.dictionaries(
        st.text(max_size=20),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=8,
        ),
        max_size=4,
    ),
)
def test_whatever_is_logged_is_one_line_of_json(text: str, fields: dict[str, object]) -> None:
    written = Stream()
    handler = EntryHandler(Renderer("worker", json=True, redaction=Redaction()), written)
    record = logging.makeLogRecord({"name": "plain", "levelname": "INFO", "msg": text, "args": ()})
    record.__dict__.update({f"x_{name}": value for name, value in fields.items()})
    handler.emit(record)
    assert written.getvalue().count("\n") == 1
    entry = json.loads(written.getvalue())
    assert "log_error" not in entry
    assert isinstance(entry["event"], str)
