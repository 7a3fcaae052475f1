"""The data directory: one process at a time has it, and it keeps the secrets."""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import suppress
from pathlib import Path

SECRET_BYTES = 32
_LOCK_FILE = "lock"


class DataDirError(Exception):
    """The data directory can't be used; the message is one line that says why and what to do."""


class DataDir:
    """A data directory that belongs to this process until it is closed, or the process ends, however it ends."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def open(cls, path: Path) -> DataDir:
        """Take a directory, which is made where it is missing. Raises `DataDirError`."""
        try:
            _make(path)
            return cls(path, _take_lock(path))
        except (FileExistsError, NotADirectoryError) as error:
            raise DataDirError(f"{path}: is not a folder. Choose another data directory.") from error
        except PermissionError as error:
            raise DataDirError(f"{path}: is not writable for this user. Change its owner, or choose another one.") from error
        except OSError as error:
            raise DataDirError(f"{path}: can't be used: {error.strerror}.") from error

    def secret(self, name: str) -> bytes:
        """The 32 bytes of a secret: random, made when it is asked for the first time. Raises `DataDirError`."""
        file = self.path / f"{name}.secret"
        try:
            if not file.exists():
                _write(file, secrets.token_bytes(SECRET_BYTES))
            value = file.read_bytes()
        except OSError as error:
            raise DataDirError(f"{file}: can't be read or made: {error.strerror}.") from error
        if len(value) != SECRET_BYTES:
            raise DataDirError(
                f"{file}: is damaged ({len(value)} bytes, not {SECRET_BYTES}). Put back a backup, or remove the file:"
                " a new secret is made then, and what the old one vouched for is void."
            )
        return value

    def close(self) -> None:
        """Let other processes have it."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _make(path: Path) -> None:
    if not path.exists():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync(path.parent)


def _take_lock(path: Path) -> int:
    """The lock is the kernel's: it ends with the process. The file holds the process id, for whoever comes second."""
    lock = os.open(path / _LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
    except BlockingIOError as error:
        owner = os.read(lock, 20).decode("ascii", "replace").strip()
        os.close(lock)
        raise DataDirError(f"{path}: is in use by process {owner}. Stop it, or choose another data directory.") from error
    except BaseException:
        os.close(lock)
        raise
    return lock


def _write(file: Path, content: bytes) -> None:
    """Make a file that is there whole or not at all, even if the machine stops meanwhile."""
    draft = file.with_suffix(".draft")
    with suppress(FileNotFoundError):
        draft.unlink()
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.rename(file)
    _sync(file.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
