"""Processes of the embedded servers: starting them detached, recognising them later, ending them."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from digital_spiral.infrastructure.embedded.errors import HomeNotUsable
from digital_spiral.infrastructure.embedded.folder import Account

POLL_SECONDS = 0.02

# Handles of the servers this process launched. Dropping the handle of a running
# process warns, and a server is meant to outlive the variable that started it.
_launched: dict[int, subprocess.Popen[bytes]] = {}


def launch(argv: Sequence[str], account: Account | None, log: Path) -> subprocess.Popen[bytes]:
    """Start a server that outlives the caller: own session, no terminal, output to a new `log`.

    Raises:
        HomeNotUsable: The binary may not be run, or the caller is root but may not change to `account`
            (a container without user mapping).
    """
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(  # noqa: S603 - argv comes from the launchers
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=server_environment(),
                start_new_session=True,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
        except PermissionError as error:
            raise HomeNotUsable(
                f"Cannot start {argv[0]}{f' as {account.name}' if account else ''}: {error.strerror}. "
                "Run the command as a normal user, or name external servers with DATABASE_URL and REDIS_URL."
            ) from error
    _launched[process.pid] = process
    return process


def server_environment() -> dict[str, str]:
    """Return the environment of a server: the caller's search paths, English messages, none of its secrets."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TZDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C", "HOME": "/"}


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and only waits to be reaped does not."""
    own = _launched.get(pid)
    if own is not None and own.poll() is not None:
        del _launched[pid]
        return False
    if not _has_proc():
        return bool(_ps(pid))
    try:
        # The state follows the program's name, which stands in parentheses and may hold anything.
        state = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in {"Z", "X"}


def is_server(pid: int, *marks: Path) -> bool:
    """Tell whether `pid` is a living process whose command line names one of `marks` (a folder, a socket).

    A process id alone proves nothing: after a crash or a reboot it may belong to another program.
    """
    while is_alive(pid):
        line = _command_line(pid)
        if line:
            return any(str(mark) in line for mark in marks)
        # Redis blanks its command line for a moment while it sets its title; kernel threads never have one.
        if not _has_proc() or not os.path.exists(f"/proc/{pid}/exe"):
            return False
        time.sleep(POLL_SECONDS)
    return False


def _has_proc() -> bool:
    return os.path.exists("/proc/self/stat")


def _command_line(pid: int) -> str:
    if not _has_proc():
        return _ps(pid)
    try:
        return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")).strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _ps(pid: int) -> str:
    """Ask ps for the command line, where there is no /proc (macOS); empty for a process that has ended."""
    answer = subprocess.run(  # noqa: S603
        ["/bin/ps", "-ww", "-o", "stat=", "-o", "command=", "-p", str(pid)], capture_output=True, check=False
    ).stdout
    state, _, line = os.fsdecode(answer).strip().partition(" ")
    return "" if state.startswith("Z") else line.strip()


def wait_until_gone(pids: Sequence[int], seconds: float) -> list[int]:
    """Wait at most `seconds` for processes to end and return those that did not."""
    deadline = time.monotonic() + seconds
    remaining = list(pids)
    while remaining := [pid for pid in remaining if is_alive(pid)]:
        if time.monotonic() > deadline:
            break
        time.sleep(POLL_SECONDS)
    return remaining


def end(pids: Sequence[int], signals: Sequence[tuple[signal.Signals, float]]) -> list[int]:
    """Send each signal in turn, waiting its number of seconds, and return the processes that survived them all."""
    remaining = list(pids)
    for number, seconds in signals:
        for pid in remaining:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        remaining = wait_until_gone(remaining, seconds)
        if not remaining:
            break
    return remaining


def processes_working_in(folder: Path, program: str) -> list[int]:
    """Return the processes of `program` whose working folder is `folder`; always empty where there is no /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            in_folder = Path(os.readlink(entry / "cwd")) == folder.resolve()
            if in_folder and (entry / "comm").read_text().strip() == program:
                found.append(int(entry.name))
    return found


def log_tail(log: Path, lines: int = 12) -> str:
    """Return the last lines of a server's log, or an empty text when there is none."""
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
