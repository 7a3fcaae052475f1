"""What can go wrong for a while, on purpose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from cluster.engines.redis import RedisEngine
from tests.reliability.line import Line, Trouble


class Fault(Protocol):
    """Both methods block, and are called from threads, one after the other."""

    @property
    def name(self) -> str: ...

    @property
    def forgets(self) -> bool:
        """Whether what is ephemeral is lost with it: who waits, and results that were not fetched yet."""
        ...

    def strike(self) -> None:
        """Let it begin; once this returns, it has."""
        ...

    def heal(self) -> None:
        """End it, without waiting until all is well again. Nothing happens where that was done."""
        ...


class Victim(Protocol):
    """A process, an engine, or one node of an engine."""

    @property
    def name(self) -> str: ...

    def start(self) -> None: ...

    def stop(self) -> object: ...

    def kill(self) -> object: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...


@dataclass(frozen=True)
class Killed:
    """SIGKILL, and a new start."""

    victim: Victim
    forgets: bool = False

    @property
    def name(self) -> str:
        return f"{self.victim.name} killed"

    def strike(self) -> None:
        self.victim.kill()

    def heal(self) -> None:
        self.victim.start()


@dataclass(frozen=True)
class Restarted:
    """An orderly end, waited for, and a new start."""

    victim: Victim
    forgets: bool = False

    @property
    def name(self) -> str:
        return f"{self.victim.name} restarted"

    def strike(self) -> None:
        self.victim.stop()

    def heal(self) -> None:
        self.victim.start()


@dataclass(frozen=True)
class Frozen:
    """SIGSTOP: it keeps its connections and answers nothing."""

    victim: Victim
    forgets: bool = False

    @property
    def name(self) -> str:
        return f"{self.victim.name} frozen"

    def strike(self) -> None:
        self.victim.pause()

    def heal(self) -> None:
        self.victim.resume()


@dataclass(frozen=True)
class Emptied:
    """Every master of Redis forgets all that it knew."""

    redis: RedisEngine
    name: str = "Redis emptied"
    forgets: bool = True

    def strike(self) -> None:
        self.redis.empty()

    def heal(self) -> None:
        """It is filled again by those who use it."""


@dataclass(frozen=True)
class Severed:
    """Something is wrong with a line."""

    line: Line
    trouble: Trouble
    forgets: bool = False

    @property
    def name(self) -> str:
        return f"line to {self.line.name} {self.trouble.value}"

    def strike(self) -> None:
        self.line.make(self.trouble)

    def heal(self) -> None:
        self.line.restore()


@dataclass(frozen=True)
class RestartedInTurn:
    """One after the other; each is ready again before the next one goes. `between` is done first, as an upgrade does."""

    victims: Sequence[Victim]
    wait_until_ready: Callable[[], object]
    between: Callable[[], object]
    name: str = "all processes restarted in turn"
    forgets: bool = False

    def strike(self) -> None:
        self.between()
        for victim in self.victims:
            victim.stop()
            victim.start()
            self.wait_until_ready()

    def heal(self) -> None:
        """It is over."""


@dataclass(frozen=True)
class Group:
    """Several victims as one."""

    name: str
    victims: Sequence[Victim]

    def start(self) -> None:
        self._each(lambda victim: victim.start())

    def stop(self) -> None:
        self._each(lambda victim: victim.stop())

    def kill(self) -> None:
        self._each(lambda victim: victim.kill())

    def pause(self) -> None:
        self._each(lambda victim: victim.pause())

    def resume(self) -> None:
        self._each(lambda victim: victim.resume())

    def _each(self, act: Callable[[Victim], object]) -> None:
        with ThreadPoolExecutor(len(self.victims)) as pool:
            list(pool.map(act, self.victims))


@dataclass(frozen=True)
class Together:
    """Some faults at the same time. Whatever they strike must not be the same."""

    faults: Sequence[Fault]

    @property
    def name(self) -> str:
        return " + ".join(fault.name for fault in self.faults)

    @property
    def forgets(self) -> bool:
        return any(fault.forgets for fault in self.faults)

    def strike(self) -> None:
        for fault in self.faults:
            fault.strike()

    def heal(self) -> None:
        for fault in reversed(self.faults):
            fault.heal()
