"""Planted bugs: each breaks one rule of delivery. The simulation must notice every one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from randomchat.chat import joining
from randomchat.chat.domain import Message
from randomchat.chat.frames import ClientFrame
from randomchat.chat.hub import Hub, LiveChannel
from randomchat.chat.once import Once
from randomchat.chat.socket import ChatSocket
from randomchat.chat.sweep import Sweep
from randomchat.errors import RandomchatError, Unavailable
from randomchat.ids import ChannelId
from tests.reliability.simulation.store import Link

Plant = Callable[[pytest.MonkeyPatch], None]


def acknowledge_before_store(patch: pytest.MonkeyPatch) -> None:
    insert, running = Link.insert_message, set[asyncio.Task[None]]()

    async def try_to_insert(link: Link, channel_id: ChannelId, message: Message) -> None:
        try:
            await insert(link, channel_id, message)
        except Unavailable:
            return

    async def pretend(link: Link, channel_id: ChannelId, message: Message) -> None:
        running.add(asyncio.create_task(try_to_insert(link, channel_id, message)))

    patch.setattr(Link, "insert_message", pretend)


def no_sweep(patch: pytest.MonkeyPatch) -> None:
    async def rest(_: Sweep) -> None:
        return

    patch.setattr(Sweep, "tick", rest)
    patch.setattr(Sweep, "close_unswept", lambda _: None)  # it would find that nothing is swept


def no_replay_overlap(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(joining, "OVERLAP_MS", 0)


def live_frames_not_held(patch: pytest.MonkeyPatch) -> None:
    add = Hub.add

    def add_without_hold(hub: Hub, live: LiveChannel, *args: object, **named: object) -> ChatSocket:
        socket: ChatSocket = add(hub, live, *args, **named)  # type: ignore[arg-type]
        socket.replaying = False
        return socket

    patch.setattr(Hub, "add", add_without_hold)


def no_once_filter(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Once, "add", lambda _, __: True)


def no_resend_first(patch: pytest.MonkeyPatch) -> None:
    refuse = ChatSocket.refuse

    def refuse_and_forget(socket: ChatSocket, frame: ClientFrame, refusal: RandomchatError, now_ms: int) -> None:
        refuse(socket, frame, refusal, now_ms)
        socket.waits_for = None

    patch.setattr(ChatSocket, "refuse", refuse_and_forget)


PLANTS: dict[Plant, tuple[str, ...] | None] = {
    acknowledge_before_store: None,
    no_sweep: ("posts", "routes"),
    no_replay_overlap: ("posts", "routes", "cut_reads", "half_open"),
    live_frames_not_held: None,
    no_once_filter: None,
    no_resend_first: None,
}
"""Each with the faults under which it shows soonest; None: a draw of all. What shows on no screen is left to other tests: a
retry that is not looked up is only stored once more, and the merge hides it."""
