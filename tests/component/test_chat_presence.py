"""Who is there, and how a channel and its sockets end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from randomchat.config import ChatSettings, LimitSettings, PresenceSettings
from tests.component.chat_server import ChatSite, Frame, Person, Tab, chat_site

TEXT, ACTION, SEEN, FILE, SYNC, ERROR, BEAT = range(7)
QUICK = ChatSettings(presence=PresenceSettings(clean_grace_s=0.3, broken_grace_s=0.6))


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[ChatSite]:
    """Graces are shorter than usual."""
    async with chat_site(tmp_path, chat=QUICK) as site:
        yield site


def news(frames: list[Frame], of: Person) -> list[str]:
    """What is said of a person."""
    return [frame["payload"] for frame in frames if frame["event"] == ACTION and frame["user_id"] == of.id]


async def close(site: ChatSite, by: Person) -> int:
    return (await site.ask("DELETE", f"/api/chat/channel?delby={by.id}", by.token)).status


# ---------------------------------------------------------------- coming
async def test_who_comes_first_waits_and_who_comes_second_has_joined(site: ChatSite) -> None:
    anna = await site.connect(site.anna)
    first = await anna.read()
    assert (first["event"], first["payload"], first["user_id"]) == (ACTION, "waiting", site.anna.id)
    assert (first["message_id"], first["seen"]) == ("0", False)
    ben = await site.connect(site.ben)
    of_ben = [await tab.read() for tab in (anna, ben)]
    assert [(frame["payload"], frame["user_id"]) for frame in of_ben] == [("joined", site.ben.id)] * 2
    assert await anna.read_all() == await ben.read_all() == []


async def test_presence_is_not_stored(site: ChatSite) -> None:
    await site.enter(site.anna)
    await site.enter(site.ben)
    assert await site.history() == []


async def test_a_second_tab_comes_and_goes_silently(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    await anna.read_all()
    second = await site.connect(site.anna)
    assert [(frame["payload"], frame["user_id"]) for frame in await second.read_all()] == [("joined", site.anna.id)]
    await second.leave()
    third = await site.enter(site.anna)
    third.cut()
    await ben.say("hello", "b-1")
    assert await ben.read_all() == []
    assert [frame["event"] for frame in await anna.read_all()] == [TEXT]
    assert await site.online() == [site.anna.id, site.ben.id]


async def test_a_lone_members_second_tab_is_told_to_wait_too(site: ChatSite) -> None:
    await site.enter(site.anna)
    second = await site.connect(site.anna)
    assert [frame["payload"] for frame in await second.read_all()] == ["waiting"]


async def test_frames_of_one_channel_do_not_reach_another(site: ChatSite) -> None:
    _, carl, dora = await site.make_channel()
    anna, stranger = await site.enter(site.anna), await site.enter(carl)
    await site.enter(dora)
    await anna.say("hello", "c-1")
    assert [frame["payload"] for frame in await stranger.read_all()] == ["joined"]


# ---------------------------------------------------------------- going
@pytest.mark.parametrize("code", [1000, 1001])
async def test_a_clean_close_becomes_offline_after_its_grace(site: ChatSite, code: int) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    left = asyncio.get_running_loop().time()
    await anna.leave(code)
    await ben.next_frame(ACTION, "offline", user_id=site.anna.id)
    assert 0.3 <= asyncio.get_running_loop().time() - left + 0.01 < 2


async def test_a_clean_close_says_nothing_but_offline(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    await anna.leave()
    assert (await ben.read())["payload"] == "offline"


async def test_a_broken_socket_is_reconnecting_at_once_and_offline_later(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    anna.cut()
    first = await ben.read()
    broke = asyncio.get_running_loop().time()
    second = await ben.read()
    assert [frame["payload"] for frame in (first, second)] == ["reconnecting", "offline"]
    assert {frame["user_id"] for frame in (first, second)} == {site.anna.id}
    assert 0.6 <= asyncio.get_running_loop().time() - broke + 0.01 < 3


async def test_only_the_last_socket_that_goes_counts(site: ChatSite) -> None:
    anna, second, ben = await site.enter(site.anna), await site.enter(site.anna), await site.enter(site.ben)
    anna.cut()
    await ben.say("hello", "b-1")
    await second.next_frame(TEXT)
    await second.leave()
    assert (await ben.read())["payload"] == "offline"


@pytest.mark.parametrize("cleanly", [True, False])
async def test_who_is_back_in_time_is_announced_by_joined_instead(site: ChatSite, cleanly: bool) -> None:  # noqa: FBT001
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    if cleanly:
        await anna.leave()
    else:
        anna.cut()
        await ben.next_frame(ACTION, "reconnecting")
    anna = await site.connect(site.anna)
    assert (await anna.read())["payload"] == "joined"
    assert ((await ben.read())["payload"], site.anna.id) == ("joined", site.anna.id)
    await asyncio.sleep(0.7)  # both graces: nothing may follow
    assert await ben.read_all() == []


async def test_who_is_in_grace_is_not_online(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    anna.cut()
    await ben.next_frame(ACTION, "reconnecting")
    assert await site.online() == [site.ben.id]


@pytest.mark.parametrize("cleanly", [True, False])
async def test_the_online_list_holds_a_change_before_its_action_is_sent(site: ChatSite, cleanly: bool) -> None:  # noqa: FBT001
    ben = await site.enter(site.ben)
    for _ in range(5):
        anna = await site.connect(site.anna)
        await ben.next_frame(ACTION, "joined", user_id=site.anna.id)
        assert await site.online() == [site.anna.id, site.ben.id]
        await anna.leave() if cleanly else anna.cut()
        await ben.next_frame(ACTION, "offline" if cleanly else "reconnecting", user_id=site.anna.id)
        assert await site.online() == [site.ben.id]


async def test_whoever_is_alone_after_a_goodbye_is_told_to_wait(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    await anna.leave()
    await ben.next_frame(ACTION, "offline")
    await ben.leave()
    assert (await (await site.connect(site.ben)).read())["payload"] == "waiting"


# ---------------------------------------------------------------- closing a channel
async def test_both_get_leaved_then_4503_from_closing(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    assert await close(site, site.anna) == 204
    for tab in (anna, ben):
        frames = await read_to_end(tab)
        assert news(frames, site.anna)[-1] == "leaved"
        assert frames[-1]["payload"] == "leaved"
        assert tab.socket.close_code == 4503


async def read_to_end(tab: Tab) -> list[Frame]:
    frames = []
    try:
        while True:
            frames.append(await tab.read())
    except ConnectionClosed:
        return frames


async def test_closing_is_durable_before_anyone_is_told(site: ChatSite) -> None:
    anna = await site.enter(site.anna)
    gate = site.store.gates["close_channel"] = asyncio.Event()
    closing = asyncio.create_task(close(site, site.ben))
    while not site.store.calls["close_channel"]:
        assert await anna.read_all() == []
    gate.set()
    assert (await anna.next_frame(ACTION))["payload"] == "leaved"
    assert (await site.store.get_channel(site.channel_id)).closed_at_ms
    assert await closing == 204


async def test_what_was_sent_before_the_end_still_comes(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    for number in range(20):
        await anna.say(str(number), f"c-{number}")
    await close(site, site.anna)
    frames = await read_to_end(ben)
    assert [frame["payload"] for frame in frames if frame["event"] == TEXT] == [str(number) for number in range(20)]
    assert frames[-1]["payload"] == "leaved"


async def test_nothing_is_taken_after_the_end(site: ChatSite) -> None:
    anna = await site.enter(site.anna)
    await close(site, site.ben)
    with contextlib.suppress(ConnectionClosed):
        await anna.send(TEXT, "too late")
    assert await anna.closed() == 4503
    assert site.store.calls["insert_message"] == 0


async def test_a_closed_channel_that_nobody_was_told_of_is_found_by_the_sweep(site: ChatSite) -> None:
    anna = await site.enter(site.anna)
    await site.store.close_channel(site.channel_id, site.nodes[0].app.node._hub.channels[site.channel_id].users[1], 1)
    assert (await anna.next_frame(ACTION))["payload"] == "leaved"
    assert await anna.closed() == 4503


# ---------------------------------------------------------------- closing sockets
async def test_a_sixth_socket_closes_the_oldest_with_4509(site: ChatSite) -> None:
    ben = await site.enter(site.ben)
    tabs = [await site.enter(site.anna) for _ in range(5)]
    await ben.read_all()
    sixth = await site.enter(site.anna)
    assert await tabs[0].closed() == 4509
    for tab in [*tabs[1:], sixth]:
        await tab.read_all()
    assert await ben.read_all() == []


async def test_sockets_of_all_channels_of_a_person_count(tmp_path: Path) -> None:
    async with chat_site(tmp_path, limits=LimitSettings(sockets_per_user=1)) as site:
        ben, anna = await site.enter(site.ben), await site.enter(site.anna)
        second = await site.enter(site.anna)
        assert await anna.closed() == 4509
        await ben.read_all()
        await second.read_all()


async def test_a_socket_that_has_gone_does_not_count(site: ChatSite) -> None:
    first = await site.enter(site.anna)
    for _ in range(6):
        tab = await site.enter(site.anna)
        await tab.leave()
    await first.read_all()


async def test_without_limits_there_is_no_sixth_socket_too_many(tmp_path: Path) -> None:
    async with chat_site(tmp_path, limits=LimitSettings(enabled=False)) as site:
        tabs = [await site.enter(site.anna) for _ in range(7)]
        for tab in tabs:
            await tab.read_all()


async def test_a_node_that_goes_away_closes_with_1012_what_it_has_acknowledged_is_stored(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    for number in range(30):
        await anna.send(TEXT, str(number), client_id=f"c-{number}")
    await anna.next_frame(TEXT, client_id="c-0", ack=True)
    await site.nodes[0].app.drain()
    frames = await read_to_end(anna)
    assert (anna.socket.close_code, await ben.closed()) == (1012, 1012)
    acknowledged = {"c-0", *(frame["client_id"] for frame in frames if frame.get("ack"))}
    stored = {message.client_id for message in await site.store.list_messages(site.channel_id, None, 100)}
    assert acknowledged <= stored
