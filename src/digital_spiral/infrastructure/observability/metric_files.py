"""The folder of metric files: what processes that are long gone counted."""

import os
import re
import time
from contextlib import suppress
from pathlib import Path

from digital_spiral.infrastructure.embedded.process import is_alive

# prometheus_client.values.MultiProcessValue names its files <kind>_<process id>.db.
_SPACE = {"counter": 1 << 18, "histogram": 1 << 20, "gauge_livesum": 1 << 16, "gauge_livemax": 1 << 16}
"""Bytes that each file takes with all routes and endpoints in it."""
_MAKING_SECONDS = 60.0
METRIC_FILE = re.compile(r"[a-z_]+_(\d+)\.db")


def clear_metric_files(folder: Path) -> bool:
    """Delete the metric files in `folder`, unless a living process counts into one; return whether they were.

    While one process of an installation runs, the files of those that died hold their share of each sum. When none
    runs they are the past of another start, and their process ids may come round again.
    """
    files = {path: int(name.group(1)) for path in _entries(folder) if (name := METRIC_FILE.fullmatch(path.name))}
    if any(_maps(pid, path) for path, pid in files.items()):
        return False
    for path in files:
        path.unlink(missing_ok=True)
    return True


def forget_states_of_the_dead(folder: Path) -> None:
    """Delete what processes that have ended said of their own state; what they counted stays."""
    for path in folder.glob("gauge_live*.db"):
        forget_unless_in_use(path)


def forget_unless_in_use(path: Path) -> None:
    """Delete a metric file whose process has ended; one that is being made is not in a process's memory yet."""
    name = METRIC_FILE.fullmatch(path.name)
    if name is None:
        return
    pid = int(name.group(1))
    with suppress(FileNotFoundError):
        if not is_alive(pid) or (time.time() - path.stat().st_mtime > _MAKING_SECONDS and not _maps(pid, path)):
            path.unlink()


def reserve_metric_files(folder: Path) -> None:
    """Make this process's metric files with their space on the disk.

    Writing to mapped memory ends the process when the disk is full and the file has no block there yet.

    Raises:
        OSError: The folder cannot be written, or the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for kind, size in _SPACE.items():
        with (folder / f"{kind}_{os.getpid()}.db").open("ab") as file:
            missing = size - file.tell()
            if missing > 0:
                file.write(bytes(missing))


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _maps(pid: int, path: Path) -> bool:
    """Tell whether a process has the file in its memory; the process id alone may by now belong to a stranger."""
    if not Path("/proc/self/maps").exists():
        return is_alive(pid)
    try:
        return str(path.resolve()) in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
