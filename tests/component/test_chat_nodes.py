"""Two nodes: everything across them, and what happens where the fast path fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from randomchat.config import ChatSettings, LimitSettings, PresenceSettings
from randomchat.ids import UserId
from randomchat.infra.mailbox import topic_of
from randomchat.infra.mailbox_memory import Weather
from tests.component.chat_server import ChatSite, Tab, chat_site

TEXT, ACTION, SEEN, FILE, SYNC, ERROR, BEAT = range(7)
QUICK = ChatSettings(presence=PresenceSettings(clean_grace_s=0.3, broken_grace_s=0.6, typing_s=0.3))
NOTHING_ARRIVES = Weather(lost=1.0)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[ChatSite]:
    async with chat_site(tmp_path, nodes=2, chat=QUICK) as site:
        yield site


@pytest.fixture
async def pair(site: ChatSite) -> tuple[Tab, Tab]:
    """Anna on the first node, Ben on the second one, both told so."""
    anna, ben = await site.enter(site.anna, node=0), await site.enter(site.ben, node=1)
    await anna.next_frame(ACTION, "joined", user_id=site.ben.id)
    return anna, ben


# ---------------------------------------------------------------- the fast path
async def test_messages_cross_both_ways(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    for sender, reader in (pair, pair[::-1]):
        answer = await sender.say("hello", "c-1")
        copy = await reader.next_frame(TEXT)
        assert answer == {**copy, "ack": True}
    assert site.registry.get_sample_value("randomchat_chat_messages_swept_total") == 0


async def test_an_answer_has_a_larger_id_though_its_node_lags(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    site.nodes[1].clock.shift_ms = -1500
    question = await anna.say("how are you?", "c-1")
    await ben.next_frame(TEXT)
    assert int((await ben.say("fine", "c-2"))["message_id"]) > int(question["message_id"])


async def test_a_tab_on_each_node_is_one_member(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    second = await site.connect(site.anna, node=1)
    assert [(frame["payload"], frame["user_id"]) for frame in await second.read_all()] == [("joined", site.anna.id)]
    answer = await anna.say("hello", "c-1")
    assert answer == {**await second.next_frame(TEXT), "ack": True}
    await ben.next_frame(TEXT)
    await second.leave()
    await anna.say("and on", "c-2")
    assert (await ben.read())["payload"] == "and on"
    assert await site.online(node=1) == [site.anna.id, site.ben.id]


async def test_presence_crosses(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    ben.cut()
    assert [(await anna.read())["payload"] for _ in range(2)] == ["reconnecting", "offline"]
    ben = await site.enter(site.ben, node=1)
    assert (await anna.read())["payload"] == "joined"
    await ben.leave()
    assert (await anna.read())["payload"] == "offline"


async def test_who_moves_to_the_other_node_in_time_never_was_offline(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    ben.cut()
    await anna.next_frame(ACTION, "reconnecting")
    await site.enter(site.ben, node=0)
    assert (await anna.read())["payload"] == "joined"
    await asyncio.sleep(0.7)  # the grace: nothing may follow
    assert await anna.read_all() == []


async def test_who_moves_before_leaving_is_not_missed_at_all(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    moved = await site.enter(site.ben, node=0)
    await ben.leave()
    await moved.say("here now", "b-1")
    assert [frame["event"] for frame in [await anna.read(), *await anna.read_all()]] == [TEXT]


async def test_the_online_list_is_the_same_on_both_nodes(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    for node in (0, 1):
        assert await site.online(node=node) == [site.anna.id, site.ben.id]
    ben.cut()
    await anna.next_frame(ACTION, "reconnecting")
    for node in (0, 1):
        assert await site.online(node=node) == [site.anna.id]


async def test_typing_crosses_and_ends(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    for what in ("istyping", "istyping", "endtyping", "istyping"):
        await anna.send(ACTION, what)
    assert [(await ben.read())["payload"] for _ in range(4)] == ["istyping", "endtyping", "istyping", "endtyping"]


async def test_typing_ends_when_the_typist_goes(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    await anna.send(ACTION, "istyping")
    await ben.next_frame(ACTION, "istyping")
    await anna.leave()
    assert [(await ben.read())["payload"] for _ in range(2)] == ["endtyping", "offline"]


async def test_seen_crosses_and_is_the_same_in_both_histories(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    message_id = (await anna.say("hello", "c-1"))["message_id"]
    await ben.send(SEEN, message_id)
    for tab in pair:
        frame = await tab.next_frame(SEEN)
        assert (frame["user_id"], frame["payload"], frame["seen"]) == (site.anna.id, message_id, True)
    await site.nodes[1].app._seen.flush()
    page = await site.get("/api/chat/channel/messages", site.anna, node=0)
    assert page["messages"][0]["seen"] is True


async def test_closing_ends_the_sockets_of_both_nodes(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    answer = await site.ask("DELETE", "/api/chat/channel", site.anna.token, node=1)
    assert answer.status == 204
    for tab in pair:
        assert (await tab.next_frame(ACTION, "leaved"))["user_id"] == site.anna.id
        assert await tab.closed() == 4503


async def test_closing_from_a_node_without_the_channel_ends_the_sockets_of_the_others(tmp_path: Path) -> None:
    async with chat_site(tmp_path, nodes=3) as site:
        anna, ben = await site.enter(site.anna, node=0), await site.enter(site.ben, node=1)
        await site.ask("DELETE", "/api/chat/channel", site.ben.token, node=2)
        assert [await tab.closed() for tab in (anna, ben)] == [4503, 4503]


async def test_signing_out_ends_the_sockets_of_all_nodes(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    second = await site.enter(site.anna, node=1)
    await site.nodes[1].app.service.sign_out(UserId(int(site.anna.id)))
    assert [await tab.closed() for tab in (pair[0], second)] == [4501, 4501]
    await pair[1].next_frame(ACTION, "offline", user_id=site.anna.id)


async def test_the_oldest_socket_is_closed_wherever_it_is(tmp_path: Path) -> None:
    async with chat_site(tmp_path, nodes=2, limits=LimitSettings(sockets_per_user=2)) as site:
        oldest = await site.enter(site.anna, node=0)
        for _ in range(2):
            await site.enter(site.anna, node=1)
        assert await oldest.closed() == 4509


async def test_a_token_of_one_node_is_good_on_the_other(site: ChatSite) -> None:
    answer = await site.ask("POST", "/api/chat/token", site.anna.token, node=0)
    assert (await site.ask("GET", "/api/chat/users", answer.json()["access_token"], node=1)).status == 200


# ---------------------------------------------------------------- without the fast path
async def test_a_lost_post_is_healed_by_the_sweep(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    site.broker.weather = NOTHING_ARRIVES
    ids = [(await anna.say(str(number), f"c-{number}"))["message_id"] for number in range(5)]
    assert [(await ben.next_frame(TEXT))["message_id"] for _ in ids] == ids


async def test_a_post_that_comes_after_the_sweep_is_not_shown_again(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    topic = topic_of("chat", site.nodes[1].app.node.id)
    site.broker.pause(topic)
    await anna.say("hello", "c-1")
    await ben.next_frame(TEXT)
    site.broker.resume(topic)
    await anna.say("more", "c-2")
    assert (await ben.next_frame(TEXT))["payload"] == "more"


async def test_posts_that_come_twice_are_shown_once(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    site.broker.weather = Weather(twice=1.0)
    for number in range(10):
        await anna.say(str(number), f"c-{number}")
    texts = [(await ben.next_frame(TEXT))["payload"] for _ in range(10)]
    assert texts == [str(number) for number in range(10)]
    assert await ben.read_all() == []


async def test_the_acknowledgement_does_not_wait_for_the_other_node(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, _ = pair
    site.broker.pause()
    site.routes.away = True
    async with asyncio.timeout(1):
        await anna.say("hello", "c-1")


async def test_emptied_routes_lose_nothing(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    site.routes.empty()
    site.leases.empty()
    site.user_sockets.empty()
    await anna.say("hello", "c-1")
    await ben.next_frame(TEXT)
    late = await site.enter(site.anna, node=0, after="0")
    await ben.say("fine", "c-2")
    for tab in (anna, late):
        await tab.next_frame(TEXT, "fine")
    async with asyncio.timeout(5):
        while await site.online(node=0) != [site.anna.id, site.ben.id]:
            pass


async def test_new_sockets_are_served_where_routes_are_away(site: ChatSite) -> None:
    site.routes.away = True
    anna, ben = await site.enter(site.anna, node=0), await site.enter(site.ben, node=1)
    await anna.say("hello", "c-1")
    await ben.next_frame(TEXT)


async def test_a_closure_that_is_posted_in_vain_is_found_by_the_sweep(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    site.broker.weather = NOTHING_ARRIVES
    assert (await site.ask("DELETE", "/api/chat/channel", site.anna.token, node=0)).status == 204
    assert await anna.closed() == 4503
    assert (await ben.next_frame(ACTION, "leaved"))["user_id"] == site.anna.id
    assert await ben.closed() == 4503


async def test_a_seen_that_is_posted_in_vain_is_found_by_the_sweep(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    message_id = (await anna.say("hello", "c-1"))["message_id"]
    await ben.next_frame(TEXT)
    site.broker.weather = NOTHING_ARRIVES
    await ben.send(SEEN, message_id)
    assert (await anna.next_frame(SEEN))["payload"] == message_id


# ---------------------------------------------------------------- clocks
async def test_a_node_whose_clock_is_apart_takes_no_socket(site: ChatSite) -> None:
    site.nodes[1].clock.shift_ms = 5000
    async with asyncio.timeout(5):
        while site.nodes[1].app.node.clock_trouble() is None:
            await site.online(node=0)
    assert await site.refusal(site.ben, node=1) == (503, "unavailable")
    site.nodes[1].clock.shift_ms = 0
    async with asyncio.timeout(5):
        while site.nodes[1].app.node.clock_trouble() is not None:
            await site.online(node=0)
    await site.enter(site.ben, node=1)


async def test_a_step_of_the_clock_closes_all_sockets_with_4012(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    site.nodes[1].clock.shift_ms = -60_000
    assert await ben.closed() == 4012
    await anna.say("still here", "c-1")


async def test_after_a_step_of_the_clock_nothing_is_handled(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    _, ben = pair
    site.nodes[1].clock.shift_ms = 60_000
    await ben.send(TEXT, "too late", client_id="b-1")
    assert await ben.closed() == 4012
    assert await site.history() == []
