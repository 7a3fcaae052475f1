"""What the processes of both modes have in common."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

from randomchat.chat.app import ChatApp
from randomchat.infra.admin import Readiness
from randomchat.match.app import MatchApp


def new_registry() -> CollectorRegistry:
    """Metrics of this process alone, with those that the platform offers of every process."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry


def watch_chat(readiness: Readiness, chat: ChatApp) -> None:
    """Let the process be ready only while its chat node is well."""
    _watch(readiness, "clock", chat.node.clock_trouble)
    _watch(readiness, "mailbox and routes", chat.node.fast_path_trouble)


def watch_match(readiness: Readiness, match: MatchApp) -> None:
    """Let the process be ready only while its match node is well."""
    _watch(readiness, "matching", match.node.trouble)


def _watch(readiness: Readiness, name: str, trouble: Callable[[], str | None]) -> None:
    async def check() -> str | None:
        return trouble()

    readiness.add(name, check)
