"""Two strangers and a server, in either mode; embedded as people run it, but for its address."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.component.chat_server import Tab
from tests.deployment import Deployment
from tests.e2e.stranger import Stranger
from tests.reliability.server import ServerProcess, randomchat_server, running

TEXT, ACTION, SEEN, FILE, SYNC, ERROR, BEAT = range(7)
AS_IT_IS = {"RANDOMCHAT_LIMITS__ENABLED": "true", "RANDOMCHAT_LOG__LEVEL": "debug"}


@pytest.fixture
def as_it_is(tmp_path: Path) -> Iterator[ServerProcess]:
    with running(randomchat_server(tmp_path, environment=AS_IT_IS)) as server:
        yield server


@pytest.fixture(params=["as_it_is", "distributed_server"])
def server(request: pytest.FixtureRequest) -> Deployment:
    server: Deployment = request.getfixturevalue(request.param)
    server.start()
    server.wait_until_ready()
    return server


class Town:
    """Ada and Ben, and whoever else comes by."""

    def __init__(self, server: Deployment) -> None:
        self.server = server
        self.people: list[Stranger] = []

    async def newcomer(self, name: str) -> Stranger:
        self.people.append(Stranger(self.server.address, name))
        await self.people[-1].sign_up()
        return self.people[-1]

    async def talk(self) -> tuple[Stranger, Stranger, Tab, Tab]:
        """Two who have found each other, and are both there."""
        ada, ben = await self.newcomer("Ada"), await self.newcomer("Ben")
        await asyncio.gather(ada.find_partner(), ben.find_partner())
        assert ada.channel_id == ben.channel_id
        assert ada.token != ben.token
        of_ada = await ada.open_chat(after="0", by_subprotocol=True)
        await of_ada.next_frame(ACTION, "waiting", user_id=ada.id)  # on two nodes Ben could be the first otherwise
        of_ben = await ben.open_chat()
        await of_ben.next_frame(ACTION, "joined", user_id=ben.id)
        await of_ada.next_frame(ACTION, "joined", user_id=ben.id)
        return ada, ben, of_ada, of_ben

    async def restart(self) -> None:
        await asyncio.to_thread(self.server.start)
        await asyncio.to_thread(self.server.wait_until_ready)


@pytest.fixture
async def town(server: Deployment) -> AsyncIterator[Town]:
    town = Town(server)
    yield town
    for stranger in town.people:
        await stranger.go()


# ---------------------------------------------------------------- a conversation
async def test_two_strangers_meet_talk_and_part(town: Town) -> None:
    ada, ben, of_ada, of_ben = await town.talk()
    assert (await ada.ask("GET", f"/api/user?uid={ben.id}")).json()["name"] == "Ben"
    await of_ada.send(ACTION, "istyping")
    await of_ben.next_frame(ACTION, "istyping", user_id=ada.id)
    hello = await of_ada.say("Hello <b>you</b>", "a-1")
    assert hello == {**await of_ben.next_frame(TEXT), "ack": True}
    await of_ben.send(SEEN, hello["message_id"])
    await of_ada.next_frame(SEEN, hello["message_id"], user_id=ada.id)
    await of_ben.say("Hi", "b-1")
    assert [frame["payload"] for frame in await ada.history()] == ["Hi", "Hello <b>you</b>"]
    assert (await ada.ask("DELETE", f"/api/chat/channel?delby={ada.id}")).status == 204
    for tab in (of_ada, of_ben):
        await tab.next_frame(ACTION, "leaved", user_id=ada.id)
        assert await tab.closed() == 4503
    assert (await ben.ask("GET", "/api/chat/users")).status == 401


async def test_what_was_missed_while_away_is_replayed(town: Town) -> None:
    ada, _, of_ada, of_ben = await town.talk()
    first = await of_ben.say("one", "b-1")
    await of_ada.next_frame(TEXT, "one")
    of_ada.cut()
    await of_ben.next_frame(ACTION, "reconnecting", user_id=ada.id)
    for number in range(5):
        await of_ben.say(f"missed {number}", f"b-m{number}")
    replayed, sync = await (await ada.open_chat(after=first["message_id"])).sync()
    assert [frame["payload"] for frame in replayed if int(frame["message_id"]) > int(first["message_id"])] == [
        f"missed {number}" for number in range(5)
    ]
    assert sync == {"recovered": True, "last": replayed[-1]["message_id"]}
    await of_ben.next_frame(ACTION, "joined", user_id=ada.id)


async def test_a_conversation_goes_on_after_a_restart(town: Town) -> None:
    ada, ben, of_ada, of_ben = await town.talk()
    first = await of_ada.say("before", "a-1")
    await of_ben.send(SEEN, first["message_id"])
    await of_ada.next_frame(SEEN)
    assert await asyncio.to_thread(town.server.stop) == 0
    assert (await of_ada.closed(), await of_ben.closed()) == (1012, 1012)
    await town.restart()
    of_ada, of_ben = await ada.open_chat(after=first["message_id"]), await ben.open_chat(after="0")
    (replayed,), _ = await of_ben.sync()
    assert (replayed["payload"], replayed["seen"]) == ("before", True)
    answer = await of_ada.say("before", "a-1", retry=True)
    assert answer["message_id"] >= first["message_id"], "later only where the restart took so long that it was stored again"
    await of_ben.say("after", "b-1")
    await of_ada.next_frame(TEXT, "after")
    assert [frame["payload"] for frame in await ben.history()] == ["after", "before"]


async def test_a_killed_server_has_lost_nothing_that_it_acknowledged(town: Town) -> None:
    _, ben, of_ada, _ = await town.talk()
    for number in range(50):
        await of_ada.say(str(number), f"a-{number}")
    await asyncio.to_thread(town.server.kill)
    await town.restart()
    replayed, _ = await (await ben.open_chat(after="0")).sync()
    assert [frame["payload"] for frame in replayed] == [str(number) for number in range(50)]


async def test_the_next_stranger_is_another_one(town: Town) -> None:
    ada, ben, _, _ = await town.talk()
    await ada.ask("DELETE", "/api/chat/channel")
    carl = await town.newcomer("Carl")
    again = asyncio.create_task(ada.find_partner())
    waiting = asyncio.create_task(ben.find_partner())
    await carl.find_partner()
    done, left = await asyncio.wait({again, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=30)
    assert (len(done), len(left)) == (1, 1)
    lucky = ada if again in done else ben
    assert lucky.channel_id == carl.channel_id
    for search in left:
        search.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await search


async def test_signing_out_closes_the_chat_for_good(town: Town) -> None:
    ada, _, of_ada, of_ben = await town.talk()
    assert (await ada.ask("POST", "/api/user/logout")).status == 204
    assert await of_ada.closed() == 4501
    await of_ben.next_frame(ACTION, "offline", user_id=ada.id)
    assert (await ada.ask("GET", "/api/user/me")).status == 401
    assert (await ada.ask("GET", "/api/chat/users")).status == 401


# ---------------------------------------------------------------- the process
async def test_at_sigterm_all_is_stored_and_everyone_told_within_10_s(town: Town) -> None:
    _, ben, of_ada, of_ben = await town.talk()
    for number in range(50):
        await of_ada.send(TEXT, str(number), client_id=f"a-{number}")
    acknowledged = {(await of_ada.next_frame(TEXT, ack=True))["client_id"]}
    began = time.monotonic()
    stopped = asyncio.create_task(asyncio.to_thread(town.server.stop))
    with contextlib.suppress(Exception):
        while True:
            frame = await of_ada.read()
            acknowledged |= {frame["client_id"]} if frame.get("ack") else set()
    assert (await of_ada.closed(), await of_ben.closed()) == (1012, 1012)
    assert await stopped == 0
    assert time.monotonic() - began < 10
    await town.restart()
    assert acknowledged <= {frame["client_id"] for frame in await ben.history()}


@pytest.mark.slow
async def test_a_process_that_was_stopped_for_12_s_sends_its_sockets_away_with_4012(town: Town) -> None:
    _, ben, of_ada, of_ben = await town.talk()
    town.server.pause()
    try:
        await of_ada.send(TEXT, "sent to one that does not listen", client_id="a-1")
        await asyncio.sleep(12)
    finally:
        town.server.resume()
    assert (await of_ada.closed(), await of_ben.closed()) == (4012, 4012)
    of_ben = await ben.open_chat(after="0")
    replayed, sync = await of_ben.sync()
    assert (replayed, sync["recovered"]) == ([], True)


async def test_no_credential_and_no_word_of_a_conversation_is_in_the_output(town: Town) -> None:
    ada, ben, of_ada, of_ben = await town.talk()
    await of_ada.say("a very private word", "a-1")
    await of_ben.send_text('{"event":0,"payload":"a broken private word"')
    await of_ben.error()
    await ada.ask("GET", "/api/chat/channel/messages?ps=nonsense")
    await ada.ask("GET", f"/api/nothing?access_token={ada.token}")
    bad = Stranger(ben.address, "Bad", ben.id, token=ben.token[:-4] + "AAAA")
    with contextlib.suppress(Exception):
        await bad.open_chat()
    await ada.ask("POST", "/api/user/logout")
    await asyncio.to_thread(town.server.stop)
    output = town.server.output()
    assert "going away" in output, "the log is written, and at its most talkative level"
    for secret in [*ada.secrets, *ben.secrets, bad.token, "private", "Ada"]:
        assert secret not in output
    assert not re.search(r"eyJ|sid=|access_token=", output)
