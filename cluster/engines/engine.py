"""What every engine is: nodes of one kind on loopback, with a folder for their data."""

from __future__ import annotations

import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr

from cluster.child import Child
from cluster.ports import PortClaims

READY_S = 90.0
AnEngine = TypeVar("AnEngine", bound="Engine")


def silent(_: str) -> None:
    """Says nothing."""


class Closed(Exception):
    """The engine was closed before it was ready."""


class EngineNotReady(RuntimeError):
    """A node ended, or does not answer; its last words are in the text."""


class Engine(ABC):
    """Stopped and started again it has the same ports and the same data. Every method may be called from any thread, and blocks.

    `say` is told what takes long.
    """

    name: str
    section: str
    """Of the settings."""

    def __init__(self, folder: Path, say: Callable[[str], None] = silent) -> None:
        self.folder, self._say = folder, say
        self._nodes: list[Child] = []
        self._announced: Sequence[int] = ()
        self._lock, self._closed = Lock(), False

    @property
    def nodes(self) -> Sequence[Child]:
        """Each can be killed, paused, resumed and started by itself; none before the first `start`."""
        return self._nodes

    @property
    @abstractmethod
    def settings(self) -> BaseModel:
        """The section of the settings that reaches this engine, from the first `start` on."""

    def announce(self, ports: Sequence[int]) -> None:
        """Before the first `start`: have each node tell clients another port of its host than its own (Kafka, Redis)."""
        self._announced = ports

    def settings_section(self) -> dict[str, Any]:
        """`settings` as a file of settings has them, secrets too."""
        section = self.settings.model_dump(exclude_unset=True)
        return {key: value.get_secret_value() if isinstance(value, SecretStr) else value for key, value in section.items()}

    @property
    @abstractmethod
    def _ports(self) -> PortClaims: ...

    @abstractmethod
    def fetch(self) -> None:
        """Have on this machine what the engine is made of. Raises `MissingPart`."""

    @abstractmethod
    def _make_nodes(self) -> list[Child]: ...

    @abstractmethod
    def _check(self) -> None:
        """Use it as a client does; any exception says that it is not ready yet."""

    def start(self) -> None:
        """Start the nodes that do not run, without waiting until they answer; fetches what is missing.

        Raises `MissingPart`, `PortTaken`, `Closed`.
        """
        self.fetch()
        with self._lock:
            self._refuse_if_closed()
            self._ports.claim()
            self._nodes = self._nodes or self._make_nodes()
            for node in self._nodes:
                node.start()

    def wait_until_ready(self, most_s: float = READY_S) -> float:
        """Wait until a client of all its nodes is served; the answer is how many seconds that took.

        Raises `EngineNotReady`, `Closed`.
        """
        began = time.monotonic()
        while True:
            self._refuse_if_closed()
            try:
                self._check()
            except Exception as error:
                self._refuse_if_closed()
                dead = [node for node in self._nodes if not node.is_running]
                if dead or time.monotonic() - began > most_s:
                    node = (dead or self._nodes)[0]
                    raise EngineNotReady(
                        f"{node.name} does not answer ({error!r}). Its last words:\n{node.last_words()}"
                    ) from error
                time.sleep(0.05)
            else:
                return time.monotonic() - began

    def stop(self) -> None:
        """In order; its data and its ports are kept."""
        self._each(Child.stop)

    def kill(self) -> None:
        self._each(Child.kill)

    def pause(self) -> None:
        self._each(Child.pause)

    def resume(self) -> None:
        self._each(Child.resume)

    def wipe(self) -> None:
        """Remove the data of the stopped engine."""
        assert not any(node.is_running for node in self._nodes), f"{self.name} runs"
        self._nodes = []
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """Stop it for good, and let go of its ports."""
        with self._lock:
            self._closed = True
            self.stop()
            self._ports.release()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise Closed

    def _each(self, act: Callable[[Child], Any]) -> None:
        """All nodes at once: three that stop one after the other wait for each other."""
        if self._nodes:
            with ThreadPoolExecutor(len(self._nodes)) as pool:
                list(pool.map(act, self._nodes))


@contextmanager
def running(engine: AnEngine) -> Iterator[AnEngine]:
    """The engine, started and ready; closed at the end, come what may."""
    try:
        engine.start()
        engine.wait_until_ready()
        yield engine
    finally:
        engine.close()
