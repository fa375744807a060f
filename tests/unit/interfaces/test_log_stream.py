"""One stream out of many: what is an entry stays one, what is not becomes one, and nothing is lost or told twice."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digital_spiral.domain.services.redaction import Redaction
from digital_spiral.interfaces.cli import log_stream
from digital_spiral.interfaces.cli.log_stream import Lines, LogFile, LogStream, severity

POSTGRES_LINE = b"2026-11-21 23:31:56.684 UTC [1959] %s:  something happened"


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[logging.LogRecord]]:
    """What the program's own log receives."""
    found: list[logging.LogRecord] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record)

    handler = Collect()
    log_stream.log.addHandler(handler)
    monkeypatch.setattr(log_stream.log, "level", logging.DEBUG)
    yield found
    log_stream.log.removeHandler(handler)


def test_an_entry_of_a_child_passes_unchanged(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    line = b'{"event": "x",  "service":"api", "pid": 7}'
    LogStream(json=True).child("api", 8, line)
    assert capfdbinary.readouterr().err == line + b"\n"


@pytest.mark.parametrize(
    "line", [b"Traceback (most recent call last):", b"[1, 2]", b'{"half": ', b"\xff\xfe text", b"7"]
)
def test_any_other_line_becomes_the_event_of_an_entry(entries: list[logging.LogRecord], line: bytes) -> None:
    LogStream(json=True).child("worker", 8, line)
    [entry] = entries
    assert entry.getMessage() == line.decode("utf-8", errors="replace").rstrip()
    assert (entry.__dict__["service"], entry.__dict__["pid"]) == ("worker", 8)


def test_a_line_may_hold_what_looks_like_a_format(entries: list[logging.LogRecord]) -> None:
    LogStream(json=True).child("worker", 8, b"100 %d %s %")
    assert entries[0].getMessage() == "100 %d %s %"


def test_an_empty_line_is_no_entry(entries: list[logging.LogRecord]) -> None:
    LogStream(json=True).child("worker", 8, b"  ")
    assert entries == []


def test_for_people_a_childs_line_is_named_and_otherwise_as_it_was(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    LogStream(json=False).child("beat", 8, b"2026-11-21 INFO: swept")
    assert capfdbinary.readouterr().err == b"beat: 2026-11-21 INFO: swept\n"


def test_a_servers_line_keeps_its_severity(entries: list[logging.LogRecord]) -> None:
    LogStream(json=True).server("postgres", 8, POSTGRES_LINE % b"ERROR")
    assert entries[0].levelno == logging.ERROR


@pytest.mark.parametrize(
    ("line", "level"),
    [
        (POSTGRES_LINE % b"LOG", logging.INFO),
        (POSTGRES_LINE % b"WARNING", logging.WARNING),
        (POSTGRES_LINE % b"FATAL", logging.ERROR),
        (POSTGRES_LINE % b"PANIC", logging.CRITICAL),
        (b"2432:M 21 Nov 2026 23:32:02.395 * Ready to accept connections", logging.INFO),
        (b"2432:M 21 Nov 2026 23:32:02.395 # Can't save in background: fork: Out of memory", logging.WARNING),
        (b"a text with [12] ERROR: in it", logging.INFO),
        (b"", logging.INFO),
    ],
)
def test_severity(line: bytes, level: int) -> None:
    assert severity(line) == level


@given(st.binary().map(lambda data: data.replace(b"\0", b"\n")), st.lists(st.integers(0, 50)))
def test_lines_are_the_same_however_they_arrive(data: bytes, cuts: list[int]) -> None:
    lines, rest = Lines(), data
    heard: list[bytes] = []
    for cut in cuts:
        piece, rest = rest[:cut], rest[cut:]
        heard += lines.feed(piece)
    heard += [*lines.feed(rest), *lines.end()]
    assert b"\n".join(heard) == data.removesuffix(b"\n")


def test_a_line_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_stream, "LONGEST_LINE_BYTES", 10)
    lines = Lines()
    assert [*lines.feed(b"12345"), *lines.feed(b"6789012")] == [b"123456789012"]
    assert list(lines.end()) == []


def test_a_file_is_followed_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_bytes(b"old\n")
    followed = LogFile(path)
    assert list(followed.read()) == []
    with path.open("ab") as file:
        file.write(b"one\ntwo\nhal")
        file.flush()
        assert list(followed.read()) == [b"one", b"two"]
        file.write(b"f\n")
        file.flush()
        assert list(followed.read()) == [b"half"]
    assert list(followed.read()) == []


def test_a_file_begun_anew_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_bytes(b"a long first line\n")
    followed = LogFile(path)
    path.write_bytes(b"new\n")
    assert list(followed.read()) == [b"new"]
    path.write_bytes(b"longer than what was read\n")
    followed.begun_anew()
    assert list(followed.read()) == [b"longer than what was read"]


def test_a_file_that_comes_later_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    followed = LogFile(path)
    assert list(followed.read()) == []
    path.write_bytes(b"first\n")
    assert list(followed.read()) == [b"first"]


def test_a_file_in_anothers_place_is_read_from_its_start(tmp_path: Path) -> None:
    path, other = tmp_path / "server.log", tmp_path / "other.log"
    path.write_bytes(b"12\n")
    followed = LogFile(path)
    other.write_bytes(b"another file, longer\n")
    other.replace(path)
    assert list(followed.read()) == [b"another file, longer"]


def test_wrapped_lines_are_redacted_entries_of_their_service(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    from digital_spiral.infrastructure.observability.logging import EntryHandler, Renderer

    handler = EntryHandler(Renderer("up", json=True, redaction=Redaction(frozenset({"hunter22"}))), None)
    log_stream.log.addHandler(handler)
    try:
        LogStream(json=True).server("postgres", 8, POSTGRES_LINE % b"ERROR" + b" with hunter22")
    finally:
        log_stream.log.removeHandler(handler)
    entry = json.loads(capfdbinary.readouterr().err)
    assert (entry["service"], entry["pid"], entry["level"]) == ("postgres", 8, "error")
    assert "hunter22" not in entry["event"]
