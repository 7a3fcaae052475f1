"""A disk of its own for a server, which can be filled, and made slow to sync. Linux, and root's rights for the first."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cluster.child import Child

SIZE = "256m"
PIECE = bytes(1 << 20)


def can_mount() -> bool:
    """Whether a file system in memory can be had here."""
    return os.geteuid() == 0 and shutil.which("mount") is not None


def can_trace() -> bool:
    return shutil.which("strace") is not None


class Disk:
    """A file system in memory, mounted on `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mount(self) -> None:
        """Raises `CalledProcessError` where that is not allowed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(self.folder)], check=True, capture_output=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "-l", str(self.folder)], check=False, capture_output=True)


@dataclass(frozen=True)
class FullDisk:
    """Not a byte is left."""

    disk: Disk
    name: str = "disk full"
    forgets: bool = False

    def strike(self) -> None:
        with suppress(OSError), (self.disk.folder / "filler").open("wb", buffering=0) as filler:
            for size in (len(PIECE), 4096, 1):
                with suppress(OSError):
                    while filler.write(PIECE[:size]):
                        pass

    def heal(self) -> None:
        (self.disk.folder / "filler").unlink(missing_ok=True)


class SlowSync:
    """Each `fsync` of a process takes longer, by means of strace."""

    forgets = False

    def __init__(self, victim: Child, delay_s: float = 0.5) -> None:
        self.name = f"each fsync {delay_s} s longer"
        self._victim, self._delay_s = victim, delay_s
        self._strace: subprocess.Popen[bytes] | None = None

    def strike(self) -> None:
        if not self._victim.is_running:  # something else has struck it too
            return
        calls = "fsync,fdatasync"
        inject = f"inject={calls}:delay_enter={round(1e6 * self._delay_s)}"
        command = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={calls}", "-e", inject, "-p", str(self._victim.pid)]
        self._strace = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.2)

    def heal(self) -> None:
        strace, self._strace = self._strace, None
        if strace is not None:
            strace.terminate()
            strace.wait()
