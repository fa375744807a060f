"""Commands against a runtime of plain functions: options, answers, errors and exit statuses."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from digital_spiral.domain.errors import Conflict, Invalid, Misconfigured, SpiralError, Unavailable
from digital_spiral.interfaces.cli import output
from digital_spiral.interfaces.cli.app import build_app
from digital_spiral.interfaces.cli.runtime import Check, Revision, Runtime, Session


@dataclass
class Calls:
    """What the commands asked for."""

    homes: list[Path | None] = field(default_factory=list)
    made: list[object] = field(default_factory=list)


@dataclass
class Program:
    """A command tree on a runtime of plain functions; ``change`` replaces one of them."""

    runtime: Runtime
    calls: Calls

    def run(self, *arguments: str, **functions: object) -> Result:
        runtime = replace(self.runtime, **functions)  # type: ignore[arg-type] # the tests name fields of Runtime

        def open_runtime(home: Path | None) -> Runtime:
            self.calls.homes.append(home)
            return runtime

        return CliRunner().invoke(build_app(open_runtime), list(arguments))


def last_line(result: Result) -> dict[str, object]:
    answer: dict[str, object] = json.loads(result.stdout.splitlines()[-1])
    return answer


def raising(error: Exception) -> Callable[..., object]:
    def fail(*_: object) -> object:
        raise error

    return fail


class NoSession:
    """A session that cannot be opened, because the database is down."""

    async def __aenter__(self) -> Session:
        raise Unavailable("PostgreSQL cannot be reached at nowhere.")

    async def __aexit__(self, *error: object) -> None:
        """Nothing was opened."""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    calls = Calls()

    async def healthy() -> list[Check]:
        return [Check("Python", ok=True, detail="3.11")]

    def work(concurrency: int | None) -> int:
        calls.made.append(("work", concurrency))
        return 0

    runtime = Runtime(
        home=tmp_path,
        jira_token=None,
        make_home=lambda: calls.made.append("home"),
        open_session=NoSession,
        start_servers=lambda: True,
        embedded_servers=list,
        stop_servers=lambda: ["Redis", "PostgreSQL"],
        erase=lambda: [tmp_path / "postgres"],
        upgrade=lambda revision: calls.made.append(("upgrade", revision)),
        downgrade=lambda revision: calls.made.append(("downgrade", revision)),
        revision=lambda: Revision(current="0001", head="0002"),
        work=work,
        beat=lambda: calls.made.append("beat"),
        serve=lambda host, port, processes, ready: calls.made.append(("serve", host, port)),
        diagnose=healthy,
        begin_log=lambda service: True,
        clear_metrics=lambda: True,
    )
    return Program(runtime, calls)


def test_the_bare_command_lists_the_commands(program: Program) -> None:
    result = program.run()
    for name in ("demo", "connect", "instances", "sync", "census", "worker", "beat", "db", "tenants", "keys", "doctor"):
        assert name in result.stdout


def test_version_is_the_packages(program: Program) -> None:
    assert program.run("--version").stdout.strip() == "0.1.0"


@pytest.mark.parametrize(
    "arguments", [("--home", "/a", "down"), ("down", "--home", "/a"), ("--home", "/b", "down", "--home", "/a")]
)
def test_home_is_understood_before_and_after_the_command(program: Program, arguments: tuple[str, ...]) -> None:
    assert program.run(*arguments).exit_code == 0
    assert program.calls.homes == [Path("/a")]


def test_without_home_the_environment_decides(program: Program) -> None:
    program.run("down")
    assert program.calls.homes == [None]


def test_json_is_the_last_line_and_the_only_text_on_stdout(program: Program) -> None:
    result = program.run("down", "--json")
    assert last_line(result) == {"stopped": ["Redis", "PostgreSQL"]}
    assert len(result.stdout.splitlines()) == 1


def test_text_answers_name_what_was_done(program: Program, tmp_path: Path) -> None:
    assert "Stopped Redis and PostgreSQL." in program.run("down").stdout
    assert f"No embedded server of {tmp_path} was running." in program.run("down", stop_servers=list).stdout


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Unavailable("PostgreSQL is down. Start it."), 1),
        (Conflict("Taken [already]."), 1),
        (Invalid("A bad address."), 2),
    ],
)
def test_errors_are_a_sentence_on_stderr(program: Program, error: SpiralError, status: int) -> None:
    result = program.run("down", "--json", stop_servers=raising(error))
    assert result.exit_code == status
    assert str(error) in result.stderr
    assert "Traceback" not in result.output
    assert last_line(result) == {"error": {"code": error.code, "message": str(error)}}


def test_errors_leave_stdout_empty_without_json(program: Program) -> None:
    result = program.run("down", stop_servers=raising(Unavailable("No.")))
    assert result.stdout == ""


def test_a_full_disk_is_named(program: Program) -> None:
    error = OSError(28, "No space left on device", "/data/x")
    result = program.run("down", stop_servers=raising(error))
    assert result.exit_code == 1
    assert "No space left on device (/data/x)" in result.stderr


def test_a_command_without_database_says_so(program: Program) -> None:
    result = program.run("instances")
    assert result.exit_code == 1
    assert "PostgreSQL cannot be reached" in result.stderr


def test_settings_errors_are_reported(program: Program) -> None:
    def refuse(home: Path | None) -> Runtime:
        raise Misconfigured("DIGITAL_SPIRAL_HOEM is no setting.")

    result = CliRunner().invoke(build_app(refuse), ["down"])
    assert result.exit_code == 1
    assert "DIGITAL_SPIRAL_HOEM" in result.stderr


def test_unforeseen_errors_reach_the_outermost_door(program: Program) -> None:
    result = program.run("down", stop_servers=raising(ZeroDivisionError("bug")))
    assert isinstance(result.exception, ZeroDivisionError)


def test_db_current_fails_while_the_schema_is_behind(program: Program) -> None:
    result = program.run("db", "current", "--json")
    assert result.exit_code == 1
    assert last_line(result) == {"current": "0001", "head": "0002"}
    level = program.run("db", "current", revision=lambda: Revision("0002", "0002"))
    assert level.exit_code == 0
    assert "It is the newest." in level.stdout


def test_db_upgrade_goes_to_the_head_or_where_told(program: Program) -> None:
    program.run("db", "upgrade")
    program.run("db", "upgrade", "0001")
    assert program.calls.made == [("upgrade", "head"), ("upgrade", "0001")]


def test_db_downgrade_asks_first(program: Program) -> None:
    assert program.run("db", "downgrade", "base").exit_code == 1
    assert program.calls.made == []
    assert program.run("db", "downgrade", "base", "--yes", "--json").exit_code == 0
    assert program.calls.made == [("downgrade", "base")]


def test_worker_and_beat_run_what_they_are_told(program: Program) -> None:
    program.run("worker", "--concurrency", "3")
    program.run("worker")
    program.run("beat")
    assert program.calls.made == [("work", 3), ("work", None), "beat"]


def test_api_listens_where_it_is_told_and_says_when_it_is_ready(program: Program) -> None:
    def serve(host: str | None, port: int | None, processes: int | None, ready: Callable[[str], None]) -> None:
        assert processes == 3
        ready(f"http://{host}:{port}")

    result = program.run("api", "--host", "127.0.0.1", "--port", "8081", "--processes", "3", "--json", serve=serve)
    assert result.stdout.splitlines() == ["digital-spiral api ready: http://127.0.0.1:8081", '{"stopped":"api"}']
    program.run("api", "--port", "0")
    assert program.calls.made == [("serve", None, 0)]
    assert program.run("api", "--port", "70000").exit_code == 2


def test_a_worker_that_ends_badly_says_so(program: Program) -> None:
    assert program.run("worker", work=lambda concurrency: 70).exit_code == 1


def test_worker_refuses_impossible_concurrency(program: Program) -> None:
    assert program.run("worker", "--concurrency", "0").exit_code == 2


def test_reset_needs_yes(program: Program, tmp_path: Path) -> None:
    refused = program.run("reset")
    assert refused.exit_code == 2
    assert "--yes" in refused.stderr
    done = program.run("reset", "--yes", "--json")
    assert last_line(done) == {"deleted": [str(tmp_path / "postgres")]}


def test_doctor_fails_when_a_check_does(program: Program) -> None:
    async def ill() -> list[Check]:
        return [Check("Redis", ok=False, detail="unavailable", advice="Start it.")]

    assert program.run("doctor").exit_code == 0
    result = program.run("doctor", "--json", diagnose=ill)
    assert result.exit_code == 1
    assert last_line(result)["ok"] is False
    assert "Start it." in program.run("doctor", diagnose=ill).stdout


def test_connect_needs_a_token_and_says_how_to_give_one(program: Program) -> None:
    result = program.run("connect", "https://acme.atlassian.net", "--email", "me@acme.example")
    assert result.exit_code == 2
    assert "--token-stdin" in result.stderr
    assert "DIGITAL_SPIRAL_JIRA_TOKEN" in result.stderr


def test_connect_takes_no_token_as_an_argument(program: Program) -> None:
    result = program.run("connect", "https://acme.atlassian.net", "--email", "me@acme.example", "--token", "secret")
    assert result.exit_code == 2


def test_demo_refuses_data_that_is_not_there(program: Program) -> None:
    result = program.run("demo", "--data", "/nonexistent/issues.jsonl")
    assert result.exit_code == 2
    assert "does not exist" in result.stderr


def test_a_token_is_typed_unseen_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def prompt(text: str, **options: object) -> str:
        asked.append((text, options["hide_input"], options["err"]))
        return " secret "

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("typer.prompt", prompt)
    assert output.read_token(None, from_stdin=False) == "secret"
    assert asked == [("Jira API token", True, True)]
    assert output.read_token("from the environment", from_stdin=False) == "from the environment"
    assert len(asked) == 1


class Terminal:
    """A stdin that somebody sits at."""

    def isatty(self) -> bool:
        return True


def test_the_actor_is_the_account_of_the_operating_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    assert output.actor() == "cli:ada"
    monkeypatch.setattr("getpass.getuser", raising(KeyError("no such account")))
    assert output.actor().startswith("cli:uid-")
