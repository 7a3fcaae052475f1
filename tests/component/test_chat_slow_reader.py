"""A member who stops reading costs nobody else anything."""

from __future__ import annotations

import array
import asyncio
import contextlib
import fcntl
import socket
import termios
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from randomchat.config import LimitSettings
from tests.component.chat_server import ChatSite, Person, chat_site
from tests.component.edge_server import Client, upgrade

TEXT, ACTION = 0, 1
LONG = "x" * 4000
BOUND_BYTES = 2_000_000


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[ChatSite]:
    async with chat_site(tmp_path, limits=LimitSettings(enabled=False)) as site:
        yield site


@contextlib.asynccontextmanager
async def lazy_reader(site: ChatSite, person: Person, more: str = "") -> AsyncIterator[socket.socket]:
    """An open chat socket whose client takes as little as the kernel allows, and reads nothing."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    with contextlib.closing(connection):
        await loop.sock_connect(connection, ("127.0.0.1", site.nodes[0].port))
        await loop.sock_sendall(connection, upgrade(f"/api/chat?uid={person.id}&access_token={person.token}{more}"))
        yield connection


class ServerEnd:
    """The server's end of the last socket that came."""

    def __init__(self, site: ChatSite) -> None:
        hub = site.nodes[0].app.node._hub
        self.socket = hub.sockets[max(hub.sockets)]
        self._transport = self.socket._connection.transport  # type: ignore[attr-defined]

    def held_bytes(self) -> int:
        """What the server holds for it, in the process and in the kernel."""
        unsent = array.array("i", [0])
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, unsent)
        return unsent[0] + int(self._transport.get_write_buffer_size())

    @property
    def cut(self) -> bool:
        return bool(self._transport.get_extra_info("socket").fileno() == -1)


async def all_of(site: ChatSite, person: Person) -> list[str]:
    """What a resume brings, oldest first."""
    replayed, sync = await (await site.connect(person, after="0")).sync()
    assert sync["recovered"] is True
    return [frame["payload"] for frame in replayed]


async def until_cut(end: ServerEnd, within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while not end.cut:  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(0.02)


async def test_a_member_who_does_not_read_is_cut_off_and_the_other_notices_nothing(site: ChatSite) -> None:
    anna = await site.enter(site.anna)
    loop = asyncio.get_running_loop()
    async with lazy_reader(site, site.ben):
        await anna.next_frame(ACTION, "joined", user_id=site.ben.id)
        ben, sent, slowest_s, most_bytes = ServerEnd(site), 0, 0.0, 0
        while ben.socket.open:
            began = loop.time()
            await anna.say(f"{sent} {LONG}", f"c-{sent}")
            sent, slowest_s = sent + 1, max(slowest_s, loop.time() - began)
            most_bytes = max(most_bytes, ben.held_bytes())
        assert ben.socket.close_code == 4008
        for _ in range(20):
            await anna.say(f"{sent} {LONG}", f"c-{sent}")
            sent += 1
            most_bytes = max(most_bytes, ben.held_bytes())
        await until_cut(ben, 5)
        await anna.say(f"{sent} {LONG}", f"c-{sent}")
    assert 1_000_000 < most_bytes < BOUND_BYTES
    assert slowest_s < 1
    assert [text.split()[0] for text in await all_of(site, site.ben)] == [str(number) for number in range(sent + 1)]


async def test_a_member_who_reads_again_in_time_gets_all_and_then_4008(site: ChatSite) -> None:
    anna = await site.enter(site.anna)
    async with lazy_reader(site, site.ben) as connection:
        await anna.next_frame(ACTION, "joined", user_id=site.ben.id)
        ben, sent = ServerEnd(site), 0
        while ben.socket.open:
            await anna.say(f"{sent} {LONG}", f"c-{sent}")
            sent += 1
        reader, writer = await asyncio.open_connection(sock=connection)
        client = Client(reader, writer)
        assert (await client.read_answer()).status == 101
        messages, code = 0, 0
        while not code:
            opcode, payload = await client.read_frame()
            messages += opcode == 1 and LONG.encode() in payload
            code = int.from_bytes(payload[:2], "big") if opcode == 8 else 0
        writer.close()
    assert code == 4008
    assert messages == sent - 1, "all but the one that was too many"


async def test_a_replay_that_is_not_read_is_cut_off_and_fills_no_memory(site: ChatSite) -> None:
    anna = await site.enter(site.anna)
    for number in range(900):
        await anna.say(f"{number} {LONG}", f"c-{number}")
    async with lazy_reader(site, site.ben, "&after=0"):
        await anna.next_frame(ACTION, "joined", user_id=site.ben.id)
        ben, most_bytes = ServerEnd(site), 0
        for number in range(900, 950):
            await anna.say(f"{number} {LONG}", f"c-{number}")
            most_bytes = max(most_bytes, ben.held_bytes() + ben.socket._held_bytes)
        async with asyncio.timeout(8):
            while ben.socket.open:
                await asyncio.sleep(0.02)
                most_bytes = max(most_bytes, ben.held_bytes() + ben.socket._held_bytes)
        assert ben.socket.close_code == 4008
        await until_cut(ben, 5)
    assert most_bytes < BOUND_BYTES
    assert len(await all_of(site, site.ben)) == 950


async def test_signs_of_typing_are_shed_first(site: ChatSite) -> None:
    anna = await site.enter(site.anna)
    async with lazy_reader(site, site.ben):
        await anna.next_frame(ACTION, "joined", user_id=site.ben.id)
        ben, number = ServerEnd(site), 0
        while ben.socket.queued_bytes < 100_000:
            await anna.say(LONG, f"c-{number}")
            number += 1
        before = ben.held_bytes()
        await anna.send(ACTION, "istyping")
        await anna.next_frame(ACTION, "istyping")
        assert ben.held_bytes() == before
        assert ben.socket.open
