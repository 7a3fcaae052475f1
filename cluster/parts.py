"""What engines are made of, kept outside the tree: fetched or built once, for every checkout of this user."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class MissingPart(Exception):
    """This machine lacks something that an engine needs; the sentence says what."""


def parts_folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "randomchat" / "engines"


def made_once(name: str, build: Callable[[Path], None]) -> Path:
    """The folder `name`, filled by `build` where there is none.

    Whole or not at all: it is built beside its place and renamed. Of several who want it at once, one builds and the others wait.
    """
    folder = parts_folder() / name
    if not folder.exists():
        with only_one(name):
            if not folder.exists():
                _build(folder, build)
    return folder


def _build(folder: Path, build: Callable[[Path], None]) -> None:
    for left_behind in folder.parent.glob(f".{folder.name}-*"):
        shutil.rmtree(left_behind, ignore_errors=True)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        build(unfinished)
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


@contextmanager
def only_one(name: str) -> Iterator[None]:
    """Hold the lock `name` against other processes and threads; the kernel lets go of it when its holder dies."""
    parts_folder().mkdir(parents=True, exist_ok=True)
    with (parts_folder() / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
