"""A program of our own, as a child process: started, stopped, killed, frozen, and never left behind."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

STOP_S = 15.0
PR_SET_PDEATHSIG, PR_SET_TIMERSLACK = 1, 29


class Child:
    """Runs `command()` in `folder`; what it prints goes to `folder/output.log`.

    The kernel (Linux) kills it when this process ends in whatever way. `timer_slack_us`: how much later than asked for the kernel
    may wake a thread of the program that sleeps, so that one which polls does it less often.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        command: Callable[[], Sequence[str]],
        environment: Mapping[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        timer_slack_us: int | None = None,
    ) -> None:
        self.name, self.folder, self.log = name, folder, folder / "output.log"
        self._command, self._stop_signal, self._timer_slack_us = command, stop_signal, timer_slack_us
        self._environment = dict(environment or {})
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the running child; of one that ended by itself too, until `kill` or `stop`."""
        assert self._child is not None, f"{self.name} was not started"
        return self._child.pid

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start it, from any thread, without waiting until it answers. Nothing happens where it runs."""
        if not self.is_running:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._child = self._launch()

    def _launch(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            environment = {**os.environ, **self._environment}
            options = {"cwd": self.folder, "env": environment, "stdout": log, "stderr": log}
            return launch(list(self._command()), self._timer_slack_us, **options)

    def stop(self) -> int | None:
        """Ask it to end, and wait; SIGKILL if it does not in time. Its exit status, None where it did not run."""
        if self.is_running:
            self.resume()
            self._signal(self._stop_signal)
            assert self._child is not None
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(STOP_S)
        return self.kill()

    def kill(self) -> int | None:
        """SIGKILL, and wait until it is gone. Its exit status, None where it was not started."""
        child, self._child = self._child, None
        if child is None:
            return None
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        return child.wait()

    def pause(self) -> None:
        """SIGSTOP: it keeps its connections and answers nothing, until `resume`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def last_words(self) -> str:
        """The end of its output."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)


def launch(command: Sequence[str], timer_slack_us: int | None = None, **options: Any) -> subprocess.Popen[bytes]:
    """`subprocess.Popen` with its `options`, of a program that does not outlive this process, however it ends."""
    return _launcher().submit(_popen, command, timer_slack_us, options).result()


def _popen(command: Sequence[str], timer_slack_us: int | None, options: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in the terminal is for us alone
        preexec_fn=partial(_prepare, timer_slack_us),  # noqa: PLW1509 - it takes no lock
        **options,
    )


@cache
def _launcher() -> ThreadPoolExecutor:
    """The thread that starts every child: the kernel ends a child with the *thread* that started it, so one has to last."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="launcher")


_LIBC = ctypes.CDLL(None)


def _prepare(timer_slack_us: int | None) -> None:
    """In the child, before it becomes the program."""
    end_with_parent(signal.SIGKILL)
    if sys.platform == "linux" and timer_slack_us is not None:
        _LIBC.prctl(PR_SET_TIMERSLACK, 1000 * timer_slack_us)


def end_with_parent(number: signal.Signals) -> None:
    """Have the kernel (Linux) send this process a signal when its parent ends."""
    if sys.platform == "linux":
        _LIBC.prctl(PR_SET_PDEATHSIG, number)
