"""A whole site copied twice and compared, by the commands a user would type.

Emulator, worker, PostgreSQL and Redis share the machine, as they do in the demo.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_SITE = "bench"
_TOKEN = "bench-token"  # noqa: S105 - the emulator's, on loopback, for the length of the run
_EMAIL = "bench@example.com"


@dataclass(frozen=True)
class Dataset:
    """What the emulator serves: files, or generated issues."""

    name: str
    emulator_arguments: tuple[str, ...]


@dataclass(frozen=True)
class BackfillFigures:
    """The two runs of one dataset as ``sync backfill --json`` reports them, and the census."""

    dataset: str
    first: dict[str, object]
    second: dict[str, object]
    census: dict[str, object]

    def of(self, run: dict[str, object], key: str) -> float:
        """A number of a run's report."""
        value = run[key]
        if not isinstance(value, (int, float)):
            raise TypeError(f"{key} of a run is {value!r}, not a number")
        return float(value)

    @property
    def issues_per_second(self) -> float:
        """Pace of the first backfill."""
        return self.of(self.first, "issues_done") / self.of(self.first, "seconds")


def datasets(shared: Path, *, quick: bool) -> list[Dataset]:
    """The real corpus where it lies beside the checkout, and generated issues."""
    generated = 1000 if quick else 5000
    chosen = [Dataset(f"{generated:,} generated issues", ("--issues", str(generated)))]
    files = sorted((shared / "jira-data").glob("issues-titanium-*.jsonl.gz"))
    if files:
        if quick:
            files = [file for file in files if "aloy" in file.name]
        data = tuple(argument for file in files for argument in ("--data", str(file)))
        chosen.insert(0, Dataset("real issues (Titanium)", (*data, "--synthesise-history")))
    return chosen


def copy_twice(home: Path, dataset: Dataset) -> BackfillFigures:
    """Copy the dataset into a fresh tenant of ``home``, copy it again, take the census."""
    tenant = dataset.name.split(" ", 1)[0] + "-" + str(len(dataset.name))
    run = _Commands(home, tenant)
    run("db", "upgrade")
    run("tenants", "create", tenant, tenant=False)
    with _emulator(dataset) as url, _background(home, "worker"), _background(home, "beat"):
        run("connect", url, "--email", _EMAIL, "--token-stdin", "--name", _SITE, stdin=_TOKEN)
        first = run("sync", "backfill", _SITE, "--wait")
        second = run("sync", "backfill", _SITE, "--wait")
        census = run("census", _SITE)
    return BackfillFigures(dataset.name, first, second, census)


class _Commands:
    """Runs commands of the product in one home, for one tenant."""

    def __init__(self, home: Path, tenant: str) -> None:
        self._home = home
        self._tenant = tenant

    def __call__(self, *arguments: str, stdin: str = "", tenant: bool = True) -> dict[str, object]:
        """Run a command; returns the object that it prints last."""
        named = ["--tenant", self._tenant] if tenant and arguments[0] != "db" else []
        command = [sys.executable, "-m", "digital_spiral", *arguments, *named, "--home", str(self._home), "--json"]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"`{' '.join(arguments)}` failed:\n{done.stderr}")
        answer: dict[str, object] = json.loads(done.stdout.strip().splitlines()[-1])
        return answer


@contextmanager
def _emulator(dataset: Dataset) -> Iterator[str]:
    """A running emulator; yields its address."""
    arguments = ["jira_emulator", "serve", "--port", "0", "--email", _EMAIL, "--token", _TOKEN]
    with _process([*arguments, *dataset.emulator_arguments], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - it was started with a pipe
        line = process.stdout.readline().decode()
        if "http" not in line:
            raise RuntimeError("the emulator did not start")
        yield line[line.index("http") :].strip()


@contextmanager
def _background(home: Path, command: str) -> Iterator[None]:
    with _process(["digital_spiral", command, "--home", str(home)], stdout=subprocess.DEVNULL):
        yield


@contextmanager
def _process(arguments: Sequence[str], *, stdout: int) -> Iterator[subprocess.Popen[bytes]]:
    """A child process in a group of its own, ended with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments], stdout=stdout, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
