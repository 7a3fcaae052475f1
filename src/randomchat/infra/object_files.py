"""The files behind the local object store. Everything here blocks, and may be called from any thread.

A file's place is all that is known of it: there is no second record that could contradict it after a crash.

    drafts/<random>                          comes in at the moment; removed at the next start
    staged/<day>/<channel>-<name>.<ext>      whole; its time is when it came
    kept/<day>/<channel>-<name>.<ext>        promoted; its time is when that was
"""

from __future__ import annotations

import os
import secrets
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from randomchat.errors import NotFound, Unavailable
from randomchat.infra.object_store import HEAD_BYTES, Examine, ObjectKey, StoredObject

_DAY_MS = 86_400_000
_MS_NS = 1_000_000
_FILE_MODE, _FOLDER_MODE = 0o600, 0o700


class Draft:
    """A file that comes in. Each method waits for the one that is under way; after the end none does anything."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._over = False

    def open(self) -> None:
        with self._lock:
            if not self._over:
                self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)

    def write(self, data: bytes) -> None:
        with self._lock:
            rest = memoryview(data)
            while rest and self._descriptor is not None:
                rest = rest[os.write(self._descriptor, rest) :]

    def seal(self, time_ms: int) -> bool:
        """Make what was written durable, as of a time in Unix milliseconds; False where it was discarded before."""
        with self._lock:
            if self._descriptor is None:
                return False
            os.utime(self._descriptor, ns=(time_ms * _MS_NS, time_ms * _MS_NS))
            os.fsync(self._descriptor)
            self._close()
            return True

    def discard(self) -> None:
        with self._lock:
            self._over = True
            self._close()
            self.path.unlink(missing_ok=True)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


class OpenFile:
    """A file that is being read. It stays what it is even where another one takes its place. Raises `NotFound`."""

    def __init__(self, path: Path, key: ObjectKey, *, promoted: bool) -> None:
        try:
            self._file = open(path, "rb", buffering=0, opener=_open_plain)  # noqa: SIM115 - closed by `close`
        except FileNotFoundError:
            raise NotFound from None
        status = os.fstat(self._file.fileno())
        if not stat.S_ISREG(status.st_mode):
            self._file.close()
            raise NotFound
        etag = f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"
        self.info = StoredObject(key, status.st_size, etag, promoted)

    def read(self, start: int, count: int) -> bytes:
        """Some bytes, at least one. Raises `Unavailable` where there are none, though there should be."""
        piece = os.pread(self._file.fileno(), count, start)
        if not piece:
            raise Unavailable
        return piece

    def close(self) -> None:
        self._file.close()


class ObjectFiles:
    """Moves files from place to place, for one process: its lock keeps two moves of one file apart."""

    def __init__(self, root: Path) -> None:
        """Take the folder, and remove what an earlier process left half done. Raises `OSError`."""
        self._drafts, self._staged, self._kept = (root / name for name in ("drafts", "staged", "kept"))
        self._lock = threading.Lock()
        for folder in (self._drafts, self._staged, self._kept):
            folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        for draft in self._drafts.iterdir():
            draft.unlink()
        _sync(root)

    def free_bytes(self) -> int:
        """How much room the disk has."""
        disk = os.statvfs(self._drafts)
        return disk.f_bavail * disk.f_frsize

    def new_draft(self) -> Draft:
        return Draft(self._drafts / secrets.token_hex(16))

    def publish(self, draft: Draft, key: ObjectKey, time_ms: int) -> None:
        """Make a draft the staged file of a key."""
        if draft.seal(time_ms):
            self._move(draft.path, _place(self._staged, key))

    def promote(self, key: ObjectKey, examine: Examine, time_ms: int) -> StoredObject:
        """Move a staged file to those that are kept, unless one is. Raises `NotFound`, and what `examine` raises."""
        kept = _place(self._kept, key)
        with self._lock:
            if not kept.exists():
                staged = _place(self._staged, key)
                self._judge(staged, key, examine)
                os.utime(staged, ns=(time_ms * _MS_NS, time_ms * _MS_NS))
                _rename(staged, kept)
        _sync_upwards(kept)
        return self.stat(key)

    def stat(self, key: ObjectKey) -> StoredObject:
        file = self.open(key)
        file.close()
        return file.info

    def open(self, key: ObjectKey) -> OpenFile:
        """The kept file of a key, else the staged one. Raises `NotFound`."""
        with self._lock:  # else it could be on its way from one place to the other
            with suppress(NotFound):
                return OpenFile(_place(self._kept, key), key, promoted=True)
            return OpenFile(_place(self._staged, key), key, promoted=False)

    def delete_expired(self, kept_before_ms: int, staged_before_ms: int, limit: int) -> int:
        """Remove old files, at most `limit`; how many that were."""
        removed = 0
        for area, before_ms in ((self._staged, staged_before_ms), (self._kept, kept_before_ms)):
            for folder in _days_until(area, before_ms):
                removed += self._clear(folder, before_ms, limit - removed)
        return removed

    def _judge(self, staged: Path, key: ObjectKey, examine: Examine) -> None:
        file = OpenFile(staged, key, promoted=False)
        try:
            examine(file.info, file.read(0, HEAD_BYTES) if file.info.size else b"")
        finally:
            file.close()

    def _move(self, source: Path, target: Path) -> None:
        with self._lock:
            _rename(source, target)
        _sync_upwards(target)

    def _clear(self, folder: Path, before_ms: int, limit: int) -> int:
        removed = 0
        with os.scandir(folder) as entries:
            for entry in entries:
                if removed == limit:
                    return removed
                removed += self._remove_if_older(entry, before_ms)
        with self._lock:
            if not any(folder.iterdir()):
                folder.rmdir()
        return removed

    def _remove_if_older(self, entry: os.DirEntry[str], before_ms: int) -> bool:
        with self._lock:  # else a new file could have taken its place meanwhile
            try:
                old = os.lstat(entry.path).st_mtime_ns < before_ms * _MS_NS
            except FileNotFoundError:
                return False
            if old:
                os.unlink(entry.path)  # noqa: PTH108 - there may be very many
            return old


def _place(area: Path, key: ObjectKey) -> Path:
    return area / str(key.made_ms // _DAY_MS) / f"{key.channel_id}-{key.file_name}"


def _days_until(area: Path, time_ms: int) -> Iterator[Path]:
    """The folders in which something can be as old as that: no file is older than the day of its key."""
    last = time_ms // _DAY_MS
    for name in sorted(os.listdir(area)):  # noqa: PTH208 - names are all that is needed
        if name.isdecimal() and int(name) <= last:
            yield area / name


def _rename(source: Path, target: Path) -> None:
    target.parent.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    source.rename(target)


def _open_plain(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _sync_upwards(file: Path) -> None:
    """A file is found again after a crash only if the folders that lead to it are written too."""
    _sync(file.parent)
    _sync(file.parent.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
