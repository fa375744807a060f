"""Folders of the embedded servers: who owns them, who can reach them, and how two callers take turns."""

import errno
import fcntl
import hashlib
import os
import pwd
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from digital_spiral.infrastructure.embedded.errors import DiskFull, HomeNotUsable

SERVER_ACCOUNT = "nobody"
# sun_path of a unix socket address holds 108 bytes on Linux and 104 on the BSDs and macOS, closing NUL included.
SOCKET_PATH_BYTES = 103


@dataclass(frozen=True)
class Account:
    """An operating system account a server is started as."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """Return the account PostgreSQL must run as when the caller is root, else None.

    Raises:
        HomeNotUsable: The caller is root and the system has no unprivileged account.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(SERVER_ACCOUNT)
    except KeyError as error:
        raise HomeNotUsable(
            f"PostgreSQL refuses to run as root and this system has no account {SERVER_ACCOUNT!r}. "
            "Run the command as a normal user, or set DATABASE_URL and DATABASE_OWNER_URL."
        ) from error
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def reachable(path: Path, account: Account | None) -> bool:
    """Tell whether `account` (None: the caller) can walk to `path` and use it, judged by the mode bits on the way."""
    if account is None:
        return os.access(path, os.X_OK)
    return all(_can_enter(part, account) for part in (path, *path.parents))


def _can_enter(path: Path, account: Account) -> bool:
    info = path.stat()
    if info.st_uid == account.uid:
        return bool(info.st_mode & stat.S_IXUSR)
    if info.st_gid == account.gid:
        return bool(info.st_mode & stat.S_IXGRP)
    return bool(info.st_mode & stat.S_IXOTH)


@contextmanager
def home_errors(home: Path) -> Iterator[None]:
    """Turn the operating system's refusals inside a home folder into typed failures.

    Raises:
        DiskFull: No space or quota is left.
        HomeNotUsable: The folder cannot be made, entered or written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull(disk_full_message(home)) from error
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}:
            raise HomeNotUsable(
                f"Cannot write to the home folder {home}: {error.strerror} ({error.filename}). "
                "Choose another one with --home or DIGITAL_SPIRAL_HOME."
            ) from error
        raise


def disk_full_message(home: Path) -> str:
    """Return the sentence shown when the file system that holds `home` is full."""
    return (
        f"No space left on the file system of {home}. Free some space, or choose a home on "
        "another file system with --home or DIGITAL_SPIRAL_HOME."
    )


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path` (made when missing), between threads and processes alike."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def private_folder(path: Path, account: Account | None) -> Path:
    """Make `path` a folder only its owner (`account`, or the caller) can enter, and return it.

    Raises:
        HomeNotUsable: Something that is not a folder, or a folder of somebody else, stands there.
    """
    owner = account.uid if account else os.geteuid()
    path.mkdir(mode=0o700, exist_ok=True)
    info = path.lstat()
    if info.st_uid not in {owner, os.geteuid()} or not stat.S_ISDIR(info.st_mode):
        raise HomeNotUsable(f"{path} belongs to another account. Remove it, or choose another home with --home.")
    path.chmod(0o700)
    if account and info.st_uid != owner:
        os.chown(path, account.uid, account.gid)
    return path


def write_private(path: Path, text: str) -> None:
    """Write `text` to `path`, readable by the caller alone; a reader sees the old or the new content, never half."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def socket_folder(folder: Path, file_name: str) -> Path:
    """Return `folder`, or a short stand-in for it when a socket called `file_name` would exceed the path limit.

    The stand-in lies in the system's temporary folder and is named by the caller and a hash of `folder`, so
    that the same home always leads to the same place.
    """
    if len(os.fsencode(folder / file_name)) <= SOCKET_PATH_BYTES:
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    name = f"digital-spiral-{os.geteuid()}-{digest}"
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - private_folder checks the owner
        if len(os.fsencode(parent / name / file_name)) <= SOCKET_PATH_BYTES:
            return parent / name
    raise HomeNotUsable(f"{folder} is too long for a unix socket. Choose a shorter home with --home.")
