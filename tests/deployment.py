"""What tests run the product on, in either mode: one process, or all five services on real engines behind nginx."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import pytest

from cluster.engines.cassandra import CassandraEngine
from cluster.engines.kafka import KafkaEngine
from cluster.engines.redis import RedisEngine
from cluster.engines.seaweedfs import SeaweedEngine
from cluster.services import ServiceProcess, Services

FOR_TESTS = {"limits": {"enabled": False}, "log": {"level": "debug"}}


class Deployment(Protocol):
    """The product, as a whole. Every method blocks, and may be called from any thread."""

    @property
    def address(self) -> str:
        """The one for browsers, such as `http://127.0.0.1:8080`."""
        ...

    def start(self) -> None:
        """Start what does not run, without waiting until it answers."""
        ...

    def wait_until_ready(self) -> float:
        """Wait until it serves people; the answer is for how many seconds that took."""
        ...

    def stop(self) -> int | None:
        """An orderly end, and the exit status: 0 where all went well."""
        ...

    def kill(self) -> int | None:
        """SIGKILL."""
        ...

    def pause(self) -> None:
        """SIGSTOP, until `resume`."""
        ...

    def resume(self) -> None: ...

    def output(self) -> str:
        """All that it has written."""
        ...


class DistributedServer:
    """A `Deployment` of all processes of `services`. Engines and nginx stay as they are, whatever happens to these."""

    def __init__(self, services: Services) -> None:
        self.services = services

    @property
    def address(self) -> str:
        return self.services.address

    def start(self) -> None:
        self.services.start()

    def wait_until_ready(self) -> float:
        return self.services.wait_until_ready()

    def stop(self) -> int | None:
        with ThreadPoolExecutor(len(self._processes)) as pool:
            return max((status or 0 for status in pool.map(ServiceProcess.stop, self._processes)), key=abs)

    def kill(self) -> int | None:
        self.services.kill()
        return None

    def pause(self) -> None:
        for process in self._processes:
            process.pause()

    def resume(self) -> None:
        for process in self._processes:
            process.resume()

    def output(self) -> str:
        return "\n".join(child.log.read_text(errors="replace") for child in (*self._processes, self.services.proxy))

    @property
    def _processes(self) -> list[ServiceProcess]:
        return self.services.all


@pytest.fixture(scope="session")
def distributed_server(
    kafka_engine: KafkaEngine,
    cassandra_engine: CassandraEngine,
    redis_engine: RedisEngine,
    s3_engine: SeaweedEngine,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[DistributedServer]:
    """Two processes of each service on the shared engines, without rate limits, to be started where they do not run."""
    engines = [kafka_engine, cassandra_engine, redis_engine, s3_engine]
    sections = {engine.section: engine.settings_section() for engine in engines}
    services = Services(tmp_path_factory.mktemp("services"), sections, settings=FOR_TESTS)
    try:
        services.migrate()
        yield DistributedServer(services)
    finally:
        services.close()
