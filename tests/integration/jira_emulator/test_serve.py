"""The program: one line when it is ready, clear words when it cannot be."""

import gzip
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from typer.testing import CliRunner

from jira_emulator.__main__ import cli

AUTH = ("admin@example.com", "emulator-token")


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running emulator on a free port, and its base URL."""
    command = [sys.executable, "-m", "jira_emulator", "serve", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("jira-emulator ready: http://127.0.0.1:"), line
            yield process, line.split()[-1]
        finally:
            process.kill()


@pytest.mark.process
def test_it_serves_until_interrupted_and_prints_one_line() -> None:
    with serving("--issues", "30", "--seed", "2", "--timezone", "Asia/Tokyo") as (process, url):
        page = httpx2.get(f"{url}/rest/api/3/search/jql", params={"jql": "id > 0", "maxResults": 100}, auth=AUTH).json()
        assert len(page["issues"]) == 30
        info = httpx2.get(f"{url}/rest/api/3/serverInfo").json()
        assert (info["baseUrl"], info["serverTimeZone"]) == (url, "Asia/Tokyo")
        assert httpx2.get(f"{url}/_emulator/clock").status_code == 404
        process.send_signal(signal.SIGINT)
        output, messages = process.communicate(timeout=30)
        assert output == ""
        assert "30 issues in memory" in messages
        assert "Traceback" not in messages
        assert process.returncode == 0


@pytest.mark.process
def test_it_loads_data_and_names_bad_lines(tmp_path: Path) -> None:
    issue = {
        "id": "4001",
        "key": "REAL-1",
        "fields": {
            "summary": "Loaded",
            "project": {"id": "400", "key": "REAL", "name": "Real"},
            "issuetype": {"id": "1", "name": "Bug"},
            "status": {"id": "1", "name": "Open"},
            "created": "2020-01-01T00:00:00.000+0000",
            "updated": "2020-01-02T00:00:00.000+0000",
        },
    }
    data = tmp_path / "issues.jsonl.gz"
    data.write_bytes(gzip.compress(json.dumps(issue).encode() + b"\n{broken\n"))
    with serving("--data", str(data), "--control-token", "c") as (process, url):
        answer = httpx2.get(f"{url}/rest/api/3/issue/REAL-1", auth=AUTH).json()
        assert answer["fields"]["summary"] == "Loaded"
        again = httpx2.post(f"{url}/_emulator/reset", headers={"authorization": "Bearer c"}).json()
        assert again == {"issues": 1, "projects": ["REAL"]}
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=30)
        assert "loaded 1 of 2 issues" in messages
        assert "left out:" in messages


def refusal(*arguments: str) -> str:
    """What the program says when it does not start: one line on standard error, nothing on standard output."""
    result = CliRunner().invoke(cli, ["serve", *arguments])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"cannot listen on 127.0.0.1:{port}" in refusal("--port", str(port))


def test_missing_data_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing.jsonl"
    assert f"no such file or folder: {missing}" in refusal("--port", "0", "--data", str(missing))


def test_an_unknown_time_zone_is_named() -> None:
    assert "no such time zone: Mars/Olympus" in refusal("--port", "0", "--timezone", "Mars/Olympus")


def test_an_unknown_host_is_named() -> None:
    assert "cannot listen on host.invalid:0" in refusal("--port", "0", "--host", "host.invalid")
