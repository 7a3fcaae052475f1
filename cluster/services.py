"""Processes of all five services on engines that run, behind nginx."""

from __future__ import annotations

import http.client
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from cluster.child import Child
from cluster.nginx import nginx
from cluster.ports import PortClaims

SERVICES = ("web", "user", "match", "chat", "uploader")
OFFERS_GRPC = ("user", "chat")
READY_S = 60.0
MIGRATE_S = 120.0


class NotReady(Exception):
    """A process did not come up; the text says which, and why as far as it is known."""


def silent(_who: str, _what: str) -> None:
    """Says nothing."""


class ServiceProcess(Child):
    """One process of a service. `port` and `admin_port` are its own."""

    def __init__(self, service: str, number: int, folder: Path, port: int, admin_port: int) -> None:
        self.service, self.port, self.admin_port, self.config = service, port, admin_port, folder / "config.yaml"
        command = [sys.executable, "-m", "randomchat", service, "--config", str(self.config)]
        super().__init__(f"{service}-{number}", folder, lambda: command)

    @property
    def address(self) -> str:
        """Of this process alone, without nginx."""
        return f"http://127.0.0.1:{self.port}"

    def readiness(self) -> dict[str, str]:
        """What `/readyz` says of each thing that the process stands on; where it does not answer, that."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=3)
        try:
            connection.request("GET", "/readyz")
            checks: dict[str, str] = json.loads(connection.getresponse().read())["checks"]
        except (OSError, http.client.HTTPException, ValueError):
            return {"process": "does not answer"}
        else:
            return checks
        finally:
            connection.close()

    @property
    def is_ready(self) -> bool:
        return set(self.readiness().values()) <= {"ok"}


class Services:
    """`copies` processes of each service. `address` is the one for browsers.

    `engines`: the settings that reach the engines. `settings`: further ones, for all processes.
    `grpc_targets`: where the user or the chat service is to be called, if not at its processes. Every method blocks.
    """

    def __init__(
        self,
        folder: Path,
        engines: Mapping[str, Any],
        *,
        copies: int | Mapping[str, int] = 2,
        port: int | None = None,
        settings: Mapping[str, Any] | None = None,
        grpc_targets: Mapping[str, str] | None = None,
        say: Callable[[str, str], None] = silent,
    ) -> None:
        self.folder = folder
        self._say, self._grpc_targets = say, grpc_targets or {}
        self._copies = {name: copies if isinstance(copies, int) else copies[name] for name in SERVICES}
        names = [f"{name}-{number}" for name, count in self._copies.items() for number in range(1, count + 1)]
        kinds = ("http", "admin", "grpc")
        self._claims = PortClaims(
            folder / "ports.json", ["nginx", "files", *(f"{name}.{kind}" for name in names for kind in kinds)]
        )
        self._claims.claim()
        self._port = port or self._claims["nginx"]
        self.address = f"http://127.0.0.1:{self._port}"
        files = f"http://127.0.0.1:{self._claims['files']}"
        self._tree = {**self._shared(), **engines, "s3": {**engines["s3"], "public_url": files}, **(settings or {})}
        self.processes = {name: [self._process(name, number) for number in range(1, self._copies[name] + 1)] for name in SERVICES}
        upstreams = {name: [f"127.0.0.1:{each.port}" for each in group] for name, group in self.processes.items()}
        upstreams["s3"] = [engines["s3"]["endpoint"].partition("://")[2]]
        self.proxy = nginx(folder / "nginx", self._port, self._claims["files"], upstreams)

    @property
    def all(self) -> list[ServiceProcess]:
        """Every process of ours."""
        return [process for group in self.processes.values() for process in group]

    def migrate(self) -> None:
        """Make tables and bucket. Raises `NotReady`, with what the command said."""
        began = time.monotonic()
        command = [sys.executable, "-m", "randomchat", "migrate", "--config", str(self.all[0].config)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=MIGRATE_S, check=False)
        if done.returncode:
            raise NotReady(f"`randomchat migrate` failed: {done.stderr or done.stdout}")
        self._say("Tables and bucket", f"are made after {time.monotonic() - began:.1f} s")

    def start(self) -> None:
        """Start all at once, without waiting until they answer."""
        for child in (*self.all, self.proxy):
            child.start()

    def wait_until_ready(self, most_s: float = READY_S) -> float:
        """Wait until every process is ready and nginx has found each service; the answer is for how many seconds that took."""
        began = time.monotonic()
        with ThreadPoolExecutor(len(self.all)) as pool:
            list(pool.map(lambda process: self._wait_for(process, most_s), self.all))
        if not self.proxy.is_running:
            raise NotReady(f"nginx does not run; is port {self._port} free? Its last words:\n{self.proxy.last_words()}")
        while not all(self._is_served(name) for name in SERVICES):
            if time.monotonic() - began > most_s:
                raise NotReady("every process is ready, but nginx says that a service is away")
            time.sleep(0.05)
        return time.monotonic() - began

    def stop(self) -> None:
        """An orderly end of all; nginx last, so that it tells people that services are away."""
        with ThreadPoolExecutor(len(self.all)) as pool:
            list(pool.map(Child.stop, self.all))
        self.proxy.stop()

    def kill(self) -> None:
        """SIGKILL to all but nginx."""
        for process in self.all:
            process.kill()

    def close(self) -> None:
        """Stop, and let go of the ports."""
        self.stop()
        self._claims.release()

    def _is_served(self, name: str) -> bool:
        """Whether nginx passes requests on: for two seconds it does not where it has just found nobody."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("GET", "/" if name == "web" else f"/api/{name}")
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _wait_for(self, process: ServiceProcess, most_s: float) -> None:
        took_s = wait_until_ready(process, most_s)
        self._say(process.name, f"is ready after {took_s:.1f} s")

    def _process(self, name: str, number: int) -> ServiceProcess:
        folder = self.folder / f"{name}-{number}"
        ports = {kind: self._claims[f"{name}-{number}.{kind}"] for kind in ("http", "admin", "grpc")}
        process = ServiceProcess(name, number, folder, ports["http"], ports["admin"])
        own = {"port": ports["http"], "admin": {"port": ports["admin"]}, "node_name": f"{name}-{number}"}
        folder.mkdir(parents=True, exist_ok=True)
        grpc = {**self._tree["grpc"], "port": ports["grpc"]}
        process.config.write_text(yaml.safe_dump({**self._tree, **own, "grpc": grpc}))
        process.config.chmod(0o600)
        return process

    def _shared(self) -> dict[str, Any]:
        return {
            "public_url": self.address,
            "trusted_proxies": ["127.0.0.1"],
            "grpc": {
                "token": secrets.token_hex(32),
                **{name: self._grpc_target(name) for name in OFFERS_GRPC},
                **self._grpc_targets,
            },
            "secrets": {"token_keys": [secrets.token_hex(32)], "link_key": secrets.token_hex(32)},
        }

    def _grpc_target(self, name: str) -> str:
        numbers = range(1, self._copies[name] + 1)
        return "ipv4:" + ",".join(f"127.0.0.1:{self._claims[f'{name}-{number}.grpc']}" for number in numbers)


def wait_until_ready(process: ServiceProcess, most_s: float = READY_S) -> float:
    """Wait until a process is ready; for how many seconds. Raises `NotReady`, with what it lacks and its last words."""
    began = time.monotonic()
    while not process.is_ready:
        if not process.is_running or time.monotonic() - began > most_s:
            lacking = {name: state for name, state in process.readiness().items() if state != "ok"}
            raise NotReady(f"{process.name} is not ready: {lacking}. Its last words:\n{process.last_words()}")
        time.sleep(0.05)
    return time.monotonic() - began


@contextmanager
def running(services: Services) -> Iterator[Services]:
    """The services, migrated, started and ready; closed at the end, come what may."""
    try:
        services.migrate()
        services.start()
        services.wait_until_ready()
        yield services
    finally:
        services.close()
