"""The four engines of distributed mode, together."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from cluster.engines.cassandra import CassandraEngine
from cluster.engines.engine import Engine
from cluster.engines.kafka import KafkaEngine
from cluster.engines.redis import RedisEngine
from cluster.engines.seaweedfs import SeaweedEngine

Say = Callable[[str, str], None]


class Engines:
    """All in one folder. As a context manager it is closed at the end.

    `three`: three Kafka brokers, three Cassandra nodes, and a replica for each Redis master. `say` is told, from several threads,
    which engine (its name) does what takes long. `sync`: of Cassandra, see `COMMITLOG_SYNC`.
    """

    def __init__(self, folder: Path, say: Say, *, three: bool = False, sync: Literal["batch", "periodic"] = "batch") -> None:
        size = 3 if three else 1
        self.folder, self._say = folder, say
        self.kafka = KafkaEngine(folder / f"kafka-{size}", size, partial(say, KafkaEngine.name))
        self.cassandra = CassandraEngine(folder / f"cassandra-{size}", size, partial(say, CassandraEngine.name), sync)
        self.redis = RedisEngine(folder / ("redis-replicas" if three else "redis"), replicas=three)
        self.s3 = SeaweedEngine(folder / "seaweedfs")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def all(self) -> tuple[Engine, ...]:
        return self.kafka, self.cassandra, self.redis, self.s3

    def fetch(self) -> None:
        """Have on this machine what they are made of. Raises `MissingPart`, and they are closed."""
        self._at_once(lambda engine: engine.fetch())

    def start(self) -> None:
        """Start all at once and wait until they are ready. Where one can't, all are closed, and its exception is raised."""
        self._at_once(self._start)

    def close(self) -> None:
        """Stop all at once; their data is kept."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda engine: engine.close(), self.all))

    def wipe(self) -> None:
        """Remove the data of all, which do not run."""
        for engine in self.all:
            engine.wipe()

    def settings_tree(self) -> dict[str, Any]:
        """The sections of the settings that reach them, as a file of settings has them."""
        return {engine.section: engine.settings_section() for engine in self.all}

    def _start(self, engine: Engine) -> None:
        began = time.monotonic()
        engine.start()
        engine.wait_until_ready()
        self._say(engine.name, f"is ready after {time.monotonic() - began:.1f} s")

    def _at_once(self, act: Callable[[Engine], None]) -> None:
        with ThreadPoolExecutor() as pool:
            try:
                for done in as_completed([pool.submit(act, engine) for engine in self.all]):
                    done.result()
            except BaseException:
                self.close()  # so that nobody waits for the others
                raise
