"""What can go wrong for a while, on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cluster.engines.redis import RedisEngine


class Fault(Protocol):
    """Both methods block, and are called from threads, one after the other."""

    @property
    def name(self) -> str: ...

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

    def strike(self) -> None:
        self.redis.empty()

    def heal(self) -> None:
        """It is filled again by those who use it."""
