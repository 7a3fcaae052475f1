"""The embedded server in a process of its own, which can be killed, started again, and weighed. Nothing of it is left behind."""

from __future__ import annotations

import http.client
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psutil

from cluster.child import Child
from tests.deployment import Deployment

ROOT = Path(__file__).resolve().parents[2]
START_S = 30.0
ADeployment = TypeVar("ADeployment", bound=Deployment)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class ServerProcess(Child):
    """A `Deployment` of one process: runs `command`, and knows when it answers on `port`."""

    def __init__(self, command: Sequence[str], port: int, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        super().__init__("the server", folder, lambda: command, {"PYTHONPATH": str(ROOT), **(environment or {})})
        self.port = port

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_until_ready(self, most_s: float = START_S) -> float:
        began = time.monotonic()
        while not answers(self.port):
            if not self.is_running or time.monotonic() - began > most_s:
                raise RuntimeError(f"the server does not answer; the end of its log:\n{self.last_words()}")
            time.sleep(0.02)
        return time.monotonic() - began

    def restart(self) -> None:
        """Stop it, start it again, and wait until it answers."""
        self.stop()
        self.start()
        self.wait_until_ready()

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def cpu_seconds(self) -> float:
        """User and system time of all its threads since its start."""
        times = psutil.Process(self.pid).cpu_times()
        return times.user + times.system

    def rss_bytes(self) -> int:
        return psutil.Process(self.pid).memory_info().rss


def answers(port: int) -> bool:
    """Whether `GET /` is answered there, and not by a proxy in the server's place."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/")
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        return False
    else:
        return response.status < 500
    finally:
        connection.close()


def randomchat_server(folder: Path, port: int | None = None, environment: Mapping[str, str] | None = None) -> ServerProcess:
    """`randomchat up` without its rate limits; `folder` takes its data and its log."""
    port = free_port() if port is None else port
    program = Path(sys.executable).with_name("randomchat")
    command = [str(program), "up", "--port", str(port), "--data-dir", str(folder / "data")]
    return ServerProcess(command, port, folder, {"RANDOMCHAT_LIMITS__ENABLED": "false", **(environment or {})})


@contextmanager
def running(server: ADeployment) -> Iterator[ADeployment]:
    """The server, started and ready; stopped at the end, come what may."""
    try:
        server.start()
        server.wait_until_ready()
        yield server
    finally:
        server.stop()
