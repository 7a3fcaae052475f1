"""The product in either mode with all around it that can fail, and what can go wrong there."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import yaml

from cluster.engines.all import Engines
from cluster.services import OFFERS_GRPC, Services, silent
from tests.deployment import FOR_TESTS, Deployment, DistributedServer
from tests.reliability.disk import Disk, FullDisk, SlowSync, can_mount, can_trace
from tests.reliability.faults import Emptied, Fault, Frozen, Group, Killed, Restarted, RestartedInTurn, Severed, Victim
from tests.reliability.line import Address, Line, Trouble
from tests.reliability.server import ServerProcess, randomchat_server


class Site(Deployment, Protocol):
    """A deployment, and its faults. `missing`: what can't be tried on this machine, in sentences."""

    missing: list[str]

    def faults(self) -> Sequence[Fault]: ...

    def last_words(self) -> str: ...


def all_of(line: Line) -> list[Fault]:
    """Everything that can be wrong with a line."""
    return [Severed(line, trouble) for trouble in Trouble]


class EmbeddedSite:
    """`randomchat up` behind a line, on a disk of its own where that can be had."""

    def __init__(self, server: ServerProcess, line: Line, disk: Disk | None) -> None:
        self._server, self._line, self._disk = server, line, disk
        self.missing: list[str] = []
        if disk is None:
            self.missing.append("a file system in memory (root's rights and mount): a full disk")
        if not can_trace():
            self.missing.append("strace: a disk that is slow to sync")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._line.port}"

    def start(self) -> None:
        self._server.start()

    def wait_until_ready(self) -> float:
        return self._server.wait_until_ready()

    def stop(self) -> int | None:
        return self._server.stop()

    def kill(self) -> int | None:
        return self._server.kill()

    def pause(self) -> None:
        self._server.pause()

    def resume(self) -> None:
        self._server.resume()

    def output(self) -> str:
        return self._server.output()

    def last_words(self) -> str:
        return self._server.last_words()

    def faults(self) -> list[Fault]:
        server = self._server
        found: list[Fault] = [Killed(server, forgets=True), Restarted(server, forgets=True), Frozen(server)]
        found += all_of(self._line)
        if self._disk is not None:
            found.append(FullDisk(self._disk))
        if can_trace():
            found.append(SlowSync(server))
        return found


@contextmanager
def embedded_site(folder: Path) -> Iterator[EmbeddedSite]:
    """Started and ready; at the end nothing of it is left."""
    with ExitStack() as stack:
        server = randomchat_server(folder)
        line = Line("the server", lambda: ("127.0.0.1", server.port)).open()
        stack.callback(line.close)
        site = EmbeddedSite(server, line, _disk(folder / "data", stack))
        stack.callback(site.stop)
        site.start()
        site.wait_until_ready()
        yield site


def _disk(folder: Path, stack: ExitStack) -> Disk | None:
    disk = Disk(folder)
    if not can_mount():
        return None
    try:
        disk.mount()
    except subprocess.CalledProcessError:
        return None
    stack.callback(disk.unmount)
    return disk


class DistributedSite(DistributedServer):
    """Two processes of each service on engines of their own, with lines between them all."""

    def __init__(self, services: Services, engines: Engines, lines: Sequence[Line], front: Line) -> None:
        super().__init__(services)
        self.missing = ["a second network: lines to three Cassandra nodes"] if len(engines.cassandra.nodes) > 1 else []
        self._engines, self._lines, self._front = engines, lines, front

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._front.port}"

    def wait_until_ready(self) -> float:
        took_s = sum(engine.wait_until_ready() for engine in self._engines.all)
        return took_s + super().wait_until_ready()

    def last_words(self) -> str:
        return "\n".join(f"--- {process.name}\n{process.last_words()}" for process in self.services.processes["chat"])

    def faults(self) -> list[Fault]:
        found = [fault for process in self.services.all for fault in (Killed(process), Restarted(process), Frozen(process))]
        return [*found, *self._faults_of_engines(), *self._faults_of_lines(), *self._faults_of_all()]

    def _faults_of_engines(self) -> list[Fault]:
        redis = self._engines.redis
        found: list[Fault] = [Emptied(redis)]
        for engine in self._engines.all:
            for node in engine.nodes:
                found += [Killed(node, forgets=engine is redis), Frozen(node, forgets=engine is redis)]
        return found

    def _faults_of_lines(self) -> list[Fault]:
        return [fault for line in self._lines for fault in all_of(line)]

    def _faults_of_all(self) -> list[Fault]:
        processes: list[Victim] = [*self.services.all]
        engines: list[Victim] = [*self._engines.all]
        return [
            Killed(Group("every process", processes)),
            RestartedInTurn(processes, super().wait_until_ready, self.services.migrate),
            Restarted(Group("every engine", engines), forgets=True),
            Killed(Group("every engine", engines), forgets=True),
        ]


@contextmanager
def distributed_site(folder: Path, *, three: bool = False) -> Iterator[DistributedSite]:
    """Started and ready; at the end nothing of it is left. Raises `MissingPart`."""
    with ExitStack() as stack:
        engines = stack.enter_context(Engines(folder, silent, three=three))
        engines.fetch()
        lines = Lines(stack)
        lines.stand_before_nodes(engines, brokers=3 if three else 1, stores=6 if three else 3)
        engines.start()
        services = Services(
            folder / "services",
            lines.settings(engines, one_node=not three),
            settings=FOR_TESTS,
            grpc_targets={name: lines.grpc_target(name, folder / "services") for name in OFFERS_GRPC},
        )
        stack.callback(services.close)
        front = lines.open("people", lambda: address_of(services.address))
        services.migrate()
        site = DistributedSite(services, engines, lines.all, front)
        site.start()
        site.wait_until_ready()
        yield site


def address_of(url: str) -> Address:
    """Of `scheme://host:port` or `host:port`."""
    host, _, port = url.rpartition("/")[2].rpartition(":")
    return host, int(port)


class Lines:
    """Between the services and the engines, and between the services."""

    def __init__(self, stack: ExitStack) -> None:
        self.all: list[Line] = []
        self._stack = stack

    def open(self, name: str, target: Callable[[], Address]) -> Line:
        line = Line(name, target).open()
        self._stack.callback(line.close)
        self.all.append(line)
        return line

    def stand_before_nodes(self, engines: Engines, brokers: int, stores: int) -> None:
        """These engines tell clients where each node is: they must name the lines. Before their first start."""
        kafka, redis = engines.kafka, engines.redis
        self._kafka = [self.open(f"Kafka broker {n}", lambda n=n: address_of(kafka.settings.brokers[n])) for n in range(brokers)]  # type: ignore[misc]
        self._redis = [self.open(f"Redis node {n}", lambda n=n: address_of(redis.settings.nodes[n])) for n in range(stores)]  # type: ignore[misc]
        kafka.announce([line.port for line in self._kafka])
        redis.announce([line.port for line in self._redis])

    def settings(self, engines: Engines, *, one_node: bool) -> dict[str, Any]:
        """What reaches the engines by way of lines; three nodes of Cassandra can't be: each names its own address."""
        tree = engines.settings_tree()
        tree["kafka"]["brokers"] = [f"127.0.0.1:{line.port}" for line in self._kafka]
        tree["redis"]["nodes"] = [f"127.0.0.1:{line.port}" for line in self._redis]
        s3, cassandra = engines.s3.settings, engines.cassandra.settings
        tree["s3"]["endpoint"] = f"http://127.0.0.1:{self.open('S3', lambda: address_of(s3.endpoint)).port}"
        if one_node:
            line = self.open("Cassandra", lambda: (cassandra.hosts[0], cassandra.port))
            tree["cassandra"] |= {"hosts": ["127.0.0.1"], "port": line.port}
        return tree

    def grpc_target(self, service: str, folder: Path) -> str:
        """For the callers of a service of two processes, whose settings will lie in `folder`."""

        def port_of(name: str) -> int:
            settings = yaml.safe_load((folder / name / "config.yaml").read_text())
            port: int = settings["grpc"]["port"]
            return port

        names = [f"{service}-{number}" for number in (1, 2)]
        lines = [self.open(f"gRPC of {name}", lambda name=name: ("127.0.0.1", port_of(name))) for name in names]  # type: ignore[misc]
        return "ipv4:" + ",".join(f"127.0.0.1:{line.port}" for line in lines)
