"""One stream of log entries out of many: JSON lines of child processes, their other output, and servers' log files."""

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import orjson

LONGEST_LINE_BYTES = 1_000_000
"""What has no line end by then is cut there, so that a child cannot fill this program's memory."""
READ_BYTES = 65_536

# Severity in the lines of PostgreSQL (log_line_prefix ends in a process id in brackets) and of Redis (one character).
POSTGRES_SEVERITY = re.compile(rb"\[\d+\] (DEBUG\d?|INFO|NOTICE|LOG|WARNING|ERROR|FATAL|PANIC):  ")
REDIS_SEVERITY = re.compile(rb"^\d+:[XCSM] .{20,30} ([.\-*#]) ")
LEVELS = {
    b"WARNING": logging.WARNING,
    b"ERROR": logging.ERROR,
    b"FATAL": logging.ERROR,
    b"PANIC": logging.CRITICAL,
    b"#": logging.WARNING,
}

log = logging.getLogger(__name__)


class LogStream:
    """Merges what several services say into this program's log on stderr.

    Args:
        json: Whether the log's entries are JSON objects, or lines for people.
    """

    def __init__(self, *, json: bool) -> None:
        self._json = json

    def child(self, service: str, pid: int, line: bytes) -> None:
        """Write a line of a child's output: an entry as the child wrote it, anything else in an entry of its own."""
        if not self._json:
            _put(f"{service}: ".encode() + line)
        elif line.startswith(b"{") and _is_object(line):
            _put(line)
        else:
            _wrapped(logging.INFO, service, pid, line)

    def server(self, service: str, pid: int, line: bytes) -> None:
        """Write a line of a server's log file in an entry of its own, at the level that the line states."""
        _wrapped(severity(line), service, pid, line)


class Lines:
    """Cuts a stream of bytes into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the lines that ``data`` completes, without their ends."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        yield from whole
        if len(self._rest) > LONGEST_LINE_BYTES:
            yield from self.end()

    def end(self) -> Iterator[bytes]:
        """Yield what is left when nothing more comes."""
        rest, self._rest = self._rest, b""
        if rest:
            yield rest


class LogFile:
    """Follows a log file from its present end; a file that a restarted server began anew is read from its start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = Lines()
        self._identity, self._offset = self._state()

    def read(self) -> Iterator[bytes]:
        """Yield the lines that were completed since the last call."""
        identity, size = self._state()
        if identity != self._identity or size < self._offset:
            self._identity, self._offset = identity, 0
            yield from self._lines.end()
        if size == self._offset:
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            while data := file.read(READ_BYTES):
                self._offset += len(data)
                yield from self._lines.feed(data)

    def begun_anew(self) -> None:
        """Read the file from its start next time: the server has been started again since, which empties it."""
        self._offset = 0

    def _state(self) -> tuple[int, int]:
        """Return inode and size; zeros while there is no file."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return 0, 0
        return found.st_ino, found.st_size


def severity(line: bytes) -> int:
    """Return the level that a line of PostgreSQL or Redis states, that of information for any other."""
    found = POSTGRES_SEVERITY.search(line, 0, 200) or REDIS_SEVERITY.search(line, 0, 200)
    return LEVELS.get(found.group(1), logging.INFO) if found else logging.INFO


def _wrapped(level: int, service: str, pid: int, line: bytes) -> None:
    text = line.decode("utf-8", errors="replace").rstrip()
    if text:
        log.log(level, "%s", text, extra={"service": service, "pid": pid})


def _put(line: bytes) -> None:
    """Write a line as it is. A full disk or a reader that is gone costs entries, never the services."""
    with suppress(OSError):
        sys.stderr.buffer.write(line + b"\n")
        sys.stderr.buffer.flush()


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False
