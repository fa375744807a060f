"""The demo as a user runs it: a process, a terminal's signals, and nothing left behind."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

from digital_spiral.infrastructure.embedded.servers import stop_servers

pytestmark = pytest.mark.process

FIGURES = {
    "issues",
    "comments",
    "changelogs",
    "worklogs",
    "links",
    "projects",
    "users",
    "seconds",
    "issues_per_second",
    "jira_requests",
    "jira_requests_per_1000_issues",
    "load_seconds",
    "census_seconds",
    "worker_peak_rss_mb",
    "census",
    "api",
}


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that PostgreSQL's account can reach, too, when the tests run as root."""
    folder = Path(tempfile.mkdtemp(prefix="ds-demo-"))
    folder.chmod(0o755)
    yield folder
    stop_servers(folder)
    shutil.rmtree(folder)


def start_demo(home: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "digital_spiral", "--home", str(home), "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}},
    )


def processes_of(home: Path) -> list[str]:
    """Command lines that name the home."""
    lines = (" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))
    return [line for line in lines if str(home) in line]


def test_demo_once_proves_the_copy_and_can_be_repeated(home: Path) -> None:
    for issues in (60, 40):
        demo = start_demo(home, "--issues", str(issues), "--once", "--json")
        stdout, stderr = demo.communicate(timeout=240)
        assert demo.returncode == 0, stderr + stdout
        answer = json.loads(stdout.splitlines()[-1])
        assert set(answer) == FIGURES
        assert answer["issues"] == issues
        assert answer["census"]["match_percent"] == 100.0
        assert answer["census"]["differences"] == 0
        assert answer["census"]["compared"] > issues
        assert answer["jira_requests"] > 0
        assert answer["worker_peak_rss_mb"] > 10
        assert answer["api"]["status"] == 200
        assert "-" in answer["api"]["issue"]
        assert processes_of(home) == []


def test_demo_stays_up_until_interrupted(home: Path) -> None:
    demo = start_demo(home, "--issues", "30")
    assert demo.stdout is not None
    assert demo.stderr is not None
    shown = []
    for line in demo.stdout:
        shown.append(line)
        if "Ctrl-C" in line:
            break
    text = "".join(shown)
    assert "100.00 %" in text, text
    children = psutil.Process(demo.pid).children(recursive=True)
    assert len(children) >= 4
    _, _, header, address = shlex.split(next(line for line in shown if line.startswith("curl ")))[1:]
    name, _, value = header.partition(": ")
    answer = httpx2.get(address, headers={name: value})
    assert answer.status_code == 200
    assert len(answer.json()["items"]) == 1
    psql = next(line for line in shown if "/psql " in line)
    query = [*shlex.split(psql), "-Atc", "select count(*) from issues"]
    count = subprocess.run(query, capture_output=True, text=True, check=True)
    assert count.stdout.strip() == "30"
    assert re.search(r"app\.tenant_id", psql)
    demo.send_signal(signal.SIGINT)
    _, stderr = demo.communicate(timeout=60)
    assert demo.returncode == 0, stderr
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
    assert processes_of(home) == []


def test_demo_that_is_stopped_early_leaves_nothing(home: Path) -> None:
    demo = start_demo(home, "--issues", "30")
    assert demo.stdout is not None
    for line in demo.stdout:
        if "Starting the Jira emulator" in line:
            break
    demo.send_signal(signal.SIGTERM)
    demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert processes_of(home) == []


def test_demo_names_data_without_issues(home: Path) -> None:
    empty = home / "empty"
    empty.mkdir()
    demo = start_demo(home, "--data", str(empty), "--once", "--json")
    stdout, stderr = demo.communicate(timeout=120)
    assert demo.returncode == 1
    assert "no .jsonl" in stderr
    assert "Traceback" not in stderr
    assert json.loads(stdout.splitlines()[-1])["error"]["code"] == "unavailable"
    assert processes_of(home) == []
