import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import psutil
import pytest

from cluster.child import Child

ROOT = Path(__file__).parents[3]
SLEEPER = [sys.executable, "-c", "import time; print('awake', flush=True); time.sleep(600)"]
SUPERVISOR = f"""
from pathlib import Path
from cluster.child import Child
child = Child("sleeper", Path.cwd(), lambda: {SLEEPER!r})
child.start()
print(child.pid, flush=True)
input()
"""


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Child]:
    child = Child("sleeper", tmp_path, lambda: SLEEPER)
    yield child
    child.kill()


def has_become(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def is_gone(pid: int) -> bool:
    """A child whose parent was killed may stay a zombie for a while."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_child_is_gone_when_its_supervisor_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SUPERVISOR]
    environment = {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as supervisor:
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        assert not is_gone(pid)
        supervisor.kill()
    assert has_become(lambda: is_gone(pid))


def test_a_child_outlives_the_thread_that_started_it(sleeper: Child) -> None:
    thread = Thread(target=sleeper.start)
    thread.start()
    thread.join()
    assert has_become(lambda: "awake" in sleeper.last_words())
    assert sleeper.is_running


def test_a_paused_child_stands_still_until_it_is_resumed_and_is_stopped_all_the_same(sleeper: Child) -> None:
    sleeper.start()
    status = psutil.Process(sleeper.pid).status
    sleeper.pause()
    assert has_become(lambda: status() == psutil.STATUS_STOPPED)
    sleeper.resume()
    assert has_become(lambda: status() != psutil.STATUS_STOPPED)
    sleeper.pause()
    assert sleeper.stop() is not None
    assert not sleeper.is_running


def test_a_child_that_was_killed_starts_again(sleeper: Child) -> None:
    sleeper.start()
    first = sleeper.pid
    sleeper.kill()
    sleeper.start()
    assert sleeper.is_running
    assert sleeper.pid != first


@pytest.mark.skipif(sys.platform != "linux", reason="it is a thing of Linux")
def test_a_child_may_be_woken_later_than_it_asks_for(tmp_path: Path) -> None:
    child = Child("sleeper", tmp_path, lambda: SLEEPER, timer_slack_us=700)
    child.start()
    try:
        assert Path(f"/proc/{child.pid}/timerslack_ns").read_text() == "700000\n"
    finally:
        child.kill()
