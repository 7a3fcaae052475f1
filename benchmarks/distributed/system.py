"""What is measured: every process of the services, and every engine below them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal
from urllib.parse import urlsplit

import psutil

from benchmarks.people import pair_up
from benchmarks.targets import Pair, open_chats
from benchmarks.wire import Door
from cluster.child import Child
from cluster.engines.all import Engines
from cluster.services import Services, running

FOR_LOADS = {"limits": {"enabled": False}}
Costs = Mapping[str, float]
"""CPU-seconds, user and system, by the name of the process."""


class System:
    """All five services on all four engines. People come in through nginx; their chat sockets go to the chat nodes themselves."""

    def __init__(self, engines: Engines, services: Services) -> None:
        self.engines, self.services = engines, services

    @property
    def chat_nodes(self) -> int:
        return len(self.services.processes["chat"])

    @property
    def front_port(self) -> int:
        """Of nginx."""
        port = urlsplit(self.services.address).port
        assert port is not None
        return port

    def ports_of(self, service: str) -> list[int]:
        return [process.port for process in self.services.processes[service]]

    async def pairs(self, count: int) -> list[Pair]:
        """New pairs, ready to talk. Where there are two chat nodes, the members of each pair sit on different ones."""
        return await self.connect(await self.doors(count))

    async def doors(self, count: int) -> list[tuple[Door, Door]]:
        """Where the members of so many new pairs go in."""
        return [(one.door, other.door) for one, other in await pair_up(self.front_port, count)]

    async def connect(self, doors: list[tuple[Door, Door]]) -> list[Pair]:
        ports = self.ports_of("chat")
        return await open_chats((ports[0], ports[-1]), doors)

    def costs(self) -> Costs:
        """What every process has used since its start."""
        return {child.name: _cpu_seconds(child.pid) for child in self._children}

    def weights(self, service: str) -> list[int]:
        """The bytes in memory of each process of a service."""
        return [psutil.Process(process.pid).memory_info().rss for process in self.services.processes[service]]

    @property
    def _children(self) -> list[Child]:
        nodes = [node for engine in self.engines.all for node in engine.nodes]
        return [*self.services.all, self.services.proxy, *nodes]


def _cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def spent(before: Costs, after: Costs) -> dict[str, float]:
    """What was used in between, the most expensive first."""
    used = {name: seconds - before[name] for name, seconds in after.items()}
    return dict(sorted(used.items(), key=lambda item: -item[1]))


@contextmanager
def running_engines(say: Callable[[str, str], None], sync: Literal["batch", "periodic"] = "periodic") -> Iterator[Engines]:
    """All four, ready. Their data is gone at the end. `sync`: of Cassandra's commit log."""
    with TemporaryDirectory() as folder, Engines(Path(folder), say, sync=sync) as engines:
        engines.start()
        yield engines


@contextmanager
def running_system(engines: Engines, copies: int) -> Iterator[System]:
    """So many processes of each service, ready; what an earlier system left in the engines does not disturb it."""
    with TemporaryDirectory() as folder:
        services = Services(Path(folder), engines.settings_tree(), copies=copies, settings=FOR_LOADS)
        with running(services):
            yield System(engines, services)
