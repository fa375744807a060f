"""Folders of the embedded servers: locks, owners, lengths, and the operating system's refusals."""

import errno
import os
import stat
import tempfile
import threading
from pathlib import Path

import pytest

from digital_spiral.infrastructure.embedded import folder as module
from digital_spiral.infrastructure.embedded.errors import DiskFull, HomeNotUsable
from digital_spiral.infrastructure.embedded.folder import (
    Account,
    file_lock,
    home_errors,
    private_folder,
    reachable,
    server_account,
    socket_folder,
    write_private,
)

STRANGER = Account("stranger", uid=4_000_001, gid=4_000_001)


def test_only_root_needs_another_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert server_account() is None
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    account = server_account()
    assert account is not None
    assert (account.name, account.uid != 0) == ("nobody", True)
    monkeypatch.setattr(module, "SERVER_ACCOUNT", "no-such-account")
    with pytest.raises(HomeNotUsable, match="as a normal user, or set DATABASE_URL"):
        server_account()


def test_reachable_looks_at_every_folder_on_the_way() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        outer, inner = Path(temporary), Path(temporary) / "inner"
        inner.mkdir(mode=0o755)
        assert not reachable(inner, STRANGER)
        outer.chmod(0o711)
        assert reachable(inner, STRANGER)
        inner.chmod(0o710)
        info = inner.stat()
        member = Account("member", uid=STRANGER.uid, gid=info.st_gid)
        owner = Account("owner", uid=info.st_uid, gid=STRANGER.gid)
        assert not reachable(inner, STRANGER)
        assert reachable(inner, owner)
        assert reachable(inner, None)
        assert reachable(inner, member)


@pytest.mark.parametrize(
    ("number", "error", "hint"),
    [
        (errno.ENOSPC, DiskFull, "No space left.*Free some space"),
        (errno.EDQUOT, DiskFull, "No space left"),
        (errno.EACCES, HomeNotUsable, "--home or DIGITAL_SPIRAL_HOME"),
        (errno.EROFS, HomeNotUsable, "Read-only file system"),
        (errno.EIO, OSError, "Input/output error"),
    ],
)
def test_refusals_of_the_system_are_explained(number: int, error: type[Exception], hint: str) -> None:
    with pytest.raises(error, match=hint), home_errors(Path("/some/home")):
        raise OSError(number, os.strerror(number), "/some/home/file")


def test_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    inside, most = 0, 0
    counter = threading.Lock()

    def enter() -> None:
        nonlocal inside, most
        for _ in range(20):
            with file_lock(tmp_path / "lock"):
                with counter:
                    inside += 1
                    most = max(most, inside)
                with counter:
                    inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most) == (0, 1)


def test_lock_is_released_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(KeyError), file_lock(tmp_path / "lock"):
        raise KeyError
    with file_lock(tmp_path / "lock"):
        assert (tmp_path / "lock").exists()


def test_private_folder_is_closed_and_may_exist(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o777)
    assert private_folder(folder, None) == folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_private_folder_does_not_follow_a_link_somebody_laid(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HomeNotUsable, match="Remove it"):
        private_folder(tmp_path / "run", None)


def test_private_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_001)
    with pytest.raises(HomeNotUsable, match="belongs to another account"):
        private_folder(tmp_path / "run", None)


def test_private_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_private(path, "old")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_private(path, "new")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("file", "old")]


def test_socket_folder_is_short_and_always_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", os.sep + "tmp")
    long = tmp_path / ("x" * 100)
    assert socket_folder(Path("/short"), "redis.sock") == Path("/short")
    stand_in = socket_folder(long, "redis.sock")
    assert len(os.fsencode(stand_in / "redis.sock")) <= 103
    assert stand_in == socket_folder(long, "redis.sock")
    assert stand_in != socket_folder(long.with_name("y" * 100), "redis.sock")
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    assert socket_folder(long, "redis.sock") == stand_in
    with pytest.raises(HomeNotUsable, match="too long for a unix socket"):
        socket_folder(long, "x" * 100)
