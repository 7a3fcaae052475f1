"""Planted bugs: each breaks one rule of delivery. The simulation must notice every one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from randomchat.chat import joining
from randomchat.chat.delivery import Delivery
from randomchat.chat.domain import Channel, Message
from randomchat.chat.frames import ClientFrame
from randomchat.chat.hub import Hub, LiveChannel
from randomchat.chat.once import Once
from randomchat.chat.posts import Closed
from randomchat.chat.service import ChatService
from randomchat.chat.socket import ChatSocket
from randomchat.chat.sweep import Sweep
from randomchat.errors import RandomchatError, Unavailable
from randomchat.ids import ChannelId, UserId
from randomchat.infra import clock_watch, node_memory
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


def no_lookup_of_a_retry(patch: pytest.MonkeyPatch) -> None:
    async def forget(*_: object) -> None:
        return

    patch.setattr(Delivery, "_find", forget)


def no_standstill_rule(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(clock_watch, "STANDSTILL_S", float("inf"))


def leases_never_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(node_memory, "LEASE_S", float("inf"))


def closure_told_before_it_is_durable(patch: pytest.MonkeyPatch) -> None:
    close = ChatService.close_channel

    async def tell_first(service: ChatService, channel: Channel, closed_by: UserId) -> None:
        live = service._hub.channels.get(channel.id)
        service._outbox.post_all(await service._presence.list_nodes(channel.id, live), Closed(channel.id, closed_by))
        if live is not None:
            service._closing.end(live, closed_by)
        await asyncio.sleep(1)
        await close(service, channel, closed_by)

    patch.setattr(ChatService, "close_channel", tell_first)


PLANTS: dict[Plant, tuple[str, ...] | None] = {
    acknowledge_before_store: None,
    no_sweep: ("posts", "routes"),
    no_replay_overlap: ("posts", "routes", "cut_reads", "half_open"),
    live_frames_not_held: None,
    no_once_filter: None,
    no_resend_first: None,
    no_lookup_of_a_retry: ("half_open", "move"),
    no_standstill_rule: ("suspend",),
    leases_never_end: (),
    closure_told_before_it_is_durable: (),
}
"""Each with the faults under which it shows soonest; None: a draw of all."""
