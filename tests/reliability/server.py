"""A server in a process of its own, which can be killed, started again, and weighed. Nothing of it is left behind."""

from __future__ import annotations

import atexit
import ctypes
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
START_S, STOP_S = 30.0, 10.0
PR_SET_PDEATHSIG = 1


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _die_with_parent() -> None:
    """Ask the kernel (Linux) to kill the server where its parent is itself killed, and so can't."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class ServerProcess:
    """Starts `command`, and knows when it answers on `port`. Its output goes to the file `log`."""

    def __init__(self, command: Sequence[str], port: int, log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.port, self.log = port, log
        self._command = list(command)
        self._environment = {**os.environ, **(environment or {})}
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._child is not None, "the server was not started"
        return self._child.pid

    def start(self) -> None:
        """Start it, without waiting until it answers. It does not outlive the thread that calls this."""
        assert self._child is None, "the server runs"
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - it takes no lock
            )
        atexit.register(self.kill)

    def wait_until_ready(self, most_s: float = START_S) -> float:
        """Wait until `GET /` is answered; the answer is for how many seconds that took."""
        began = time.monotonic()
        while not self._answers():
            if self._child is None or self._child.poll() is not None or time.monotonic() - began > most_s:
                raise RuntimeError(
                    f"the server does not answer; the end of its log:\n{self.log.read_text(errors='replace')[-3000:]}"
                )
            time.sleep(0.02)
        return time.monotonic() - began

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return False
        else:
            return True
        finally:
            connection.close()

    def kill(self) -> None:
        """SIGKILL, to the whole process group: what a power cut leaves of a process."""
        child, self._child = self._child, None
        if child is not None:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            atexit.unregister(self.kill)

    def stop(self) -> int | None:
        """SIGTERM, and SIGKILL if that is not obeyed; the answer is the exit code, None where it did not run."""
        child = self._child
        if child is None:
            return None
        child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(STOP_S)
        self.kill()
        return child.returncode

    def restart(self) -> None:
        """Stop it, start it again, and wait until it answers."""
        self.stop()
        self.start()
        self.wait_until_ready()

    def cpu_seconds(self) -> float:
        """User and system time of all its threads since its start."""
        times = psutil.Process(self.pid).cpu_times()
        return times.user + times.system

    def rss_bytes(self) -> int:
        return psutil.Process(self.pid).memory_info().rss


def randomchat_server(folder: Path, port: int | None = None, environment: Mapping[str, str] | None = None) -> ServerProcess:
    """`randomchat up` without its rate limits; `folder` takes its data and its log."""
    port = free_port() if port is None else port
    program = Path(sys.executable).with_name("randomchat")
    command = [str(program), "up", "--port", str(port), "--data-dir", str(folder / "data")]
    unlimited = {"RANDOMCHAT_LIMITS__ENABLED": "false", **(environment or {})}
    return ServerProcess(command, port, folder / "server.log", unlimited)


@contextmanager
def running(server: ServerProcess) -> Iterator[ServerProcess]:
    """The server, started and ready; stopped at the end, come what may."""
    try:
        server.start()
        server.wait_until_ready()
        yield server
    finally:
        server.stop()
