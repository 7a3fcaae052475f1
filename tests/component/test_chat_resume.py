"""Resume: the replay, what is held meanwhile, and how things then stand, over real sockets."""

from __future__ import annotations

import asyncio

import pytest

from tests.component.chat_server import ChatSite, ids, sweep, texts

TEXT, ACTION, SEEN, FILE, SYNC, ERROR, BEAT = range(7)


# ---------------------------------------------------------------- resume
async def test_after_0_replays_everything_oldest_first(site: ChatSite) -> None:
    old = [str(message_id) for message_id in await site.store_messages(30, ago_ms=3_600_000)]
    tab = await site.connect(site.ben, after="0")
    replayed, sync = await tab.sync()
    assert [frame["message_id"] for frame in replayed] == old
    assert sync == {"recovered": True, "last": old[-1]}


async def test_after_replays_all_that_is_newer_and_some_older_ones(site: ChatSite) -> None:
    long_ago = await site.store_messages(1, ago_ms=3_600_000)
    recent = await site.store_messages(1, ago_ms=100_000)
    newest = await site.store_messages(2, ago_ms=1000)
    replayed, sync = await (await site.connect(site.ben, after=str(recent[0]))).sync()
    assert ids(replayed) == [*recent, *newest]
    assert long_ago[0] not in ids(replayed)
    assert sync == {"recovered": True, "last": str(newest[-1])}


async def test_a_message_that_surfaces_late_below_the_cursor_is_replayed(site: ChatSite) -> None:
    cursor = (await site.store_messages(1, ago_ms=1000))[0]
    late = (await site.store_messages(1, ago_ms=170_000))[0]
    replayed, sync = await (await site.connect(site.ben, after=str(cursor))).sync()
    assert ids(replayed) == [late, cursor]
    assert sync["last"] == str(cursor)


async def test_in_an_empty_channel_last_is_after(site: ChatSite) -> None:
    _, sync = await (await site.connect(site.ben, after="0")).sync()
    assert sync == {"recovered": True, "last": "0"}
    _, sync = await (await site.connect(site.ben, after="12345")).sync()
    assert sync == {"recovered": True, "last": "12345"}


async def test_sync_is_for_the_receiver_and_not_stored(site: ChatSite) -> None:
    frame = await (await site.connect(site.ben, after="0")).next_frame(SYNC)
    assert (frame["user_id"], frame["message_id"], frame["seen"]) == (site.ben.id, "0", False)
    assert await site.history() == []


async def test_after_sync_come_both_watermarks_and_the_presence(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    of_anna, of_ben = (await anna.say("a", "a-1"))["message_id"], (await ben.say("b", "b-1"))["message_id"]
    await anna.send(SEEN, of_ben)
    await ben.send(SEEN, of_anna)
    await anna.next_frame(SEEN, of_anna)
    tab = await site.connect(site.ben, after=of_ben)
    await tab.sync()
    rest = [await tab.read() for _ in range(4)]
    marks = {(frame["event"], frame["user_id"], frame["payload"], frame["seen"]) for frame in rest[:2]}
    assert marks == {(SEEN, site.anna.id, of_anna, True), (SEEN, site.ben.id, of_ben, True)}
    actions = [(frame["event"], frame["payload"], frame["user_id"]) for frame in rest[2:]]
    assert actions == [(ACTION, "joined", site.ben.id), (ACTION, "joined", site.anna.id)]


@pytest.mark.parametrize(("leaves", "told"), [("not there", "offline"), ("broken", "reconnecting")])
async def test_who_resumes_is_told_in_which_state_the_peer_is(site: ChatSite, leaves: str, told: str) -> None:
    ben = await site.enter(site.ben)
    if leaves == "broken":
        anna = await site.enter(site.anna)
        anna.cut()
        await ben.next_frame(ACTION, "reconnecting")
    tab = await site.connect(site.ben, after="0")
    await tab.sync()
    actions = [await tab.read() for _ in range(2)]
    assert [(frame["payload"], frame["user_id"]) for frame in actions] == [("waiting", site.ben.id), (told, site.anna.id)]


async def test_live_frames_wait_until_the_replay_is_out(site: ChatSite) -> None:
    anna = await site.enter(site.anna)
    old = await site.store_messages(50, ago_ms=3_600_000)
    gate = site.store.gates["read_after"] = asyncio.Event()
    tab = await site.connect(site.ben, after="0")
    await anna.next_frame(ACTION, "joined", user_id=site.ben.id)
    live = [int((await anna.say(f"live {number}", f"c-{number}"))["message_id"]) for number in range(5)]
    await anna.send(SEEN, "1")
    await anna.error()
    gate.set()
    replayed, sync = await tab.sync()
    after_sync = await tab.read_all()
    assert ids(replayed)[:50] == old
    assert ids(replayed) + ids(after_sync) == [*old, *live]
    assert int(sync["last"]) in {old[-1], live[-1]}


async def test_1000_messages_are_replayed(site: ChatSite) -> None:
    old = await site.store_messages(1000, ago_ms=3_600_000)
    replayed, sync = await (await site.connect(site.ben, after="0")).sync()
    assert ids(replayed) == old
    assert sync == {"recovered": True, "last": str(old[-1])}


async def test_over_1000_are_not_and_live_frames_come_all_the_same(site: ChatSite) -> None:
    old = await site.store_messages(1001, ago_ms=3_600_000)
    tab = await site.connect(site.ben, after="0")
    replayed, sync = await tab.sync()
    assert replayed == []
    assert sync["recovered"] is False
    assert int(sync["last"]) == old[-1]
    answer = await tab.say("hello", "b-1")
    assert int(answer["message_id"]) > old[-1]
    assert len(await site.history()) == 1002


async def test_only_what_is_newer_than_the_cursor_counts_as_too_much(site: ChatSite) -> None:
    recent = await site.store_messages(1101, ago_ms=20_000)
    replayed, sync = await (await site.connect(site.ben, after=str(recent[-2]))).sync()
    assert (sync["recovered"], ids(replayed)[-1]) == (True, recent[-1])


async def test_where_it_was_too_much_no_sweep_brings_it_as_if_it_were_live(site: ChatSite) -> None:
    await site.store_messages(1001, ago_ms=5_000)
    tab = await site.connect(site.ben, after="0")
    _, sync = await tab.sync()
    assert sync["recovered"] is False
    await sweep(site)
    assert ids(await tab.read_all()) == []


async def test_an_old_client_is_sent_no_replay_and_no_sync(site: ChatSite) -> None:
    await site.store_messages(3)
    tab = await site.connect(site.ben)
    assert [(frame["event"], frame["payload"]) for frame in await tab.read_all()] == [(ACTION, "waiting")]


async def test_what_is_said_while_an_old_client_joins_reaches_it_live(site: ChatSite) -> None:
    """It may have read the history before."""
    anna = await site.enter(site.anna)
    await anna.say("before", "c-1")
    gate = site.store.gates["read_after"] = asyncio.Event()
    tab = await site.connect(site.ben)
    await anna.next_frame(ACTION, "joined", user_id=site.ben.id)
    await anna.say("meanwhile", "c-2")
    gate.set()
    await tab.next_frame(ACTION, "joined", user_id=site.ben.id)
    await sweep(site)
    assert texts(await tab.read_all()) == ["meanwhile"]


async def test_frames_of_a_socket_are_handled_after_its_replay(site: ChatSite) -> None:
    await site.store_messages(3)
    gate = site.store.gates["read_after"] = asyncio.Event()
    tab = await site.connect(site.ben, after="0")
    await tab.send(TEXT, "at once", client_id="b-1")
    gate.set()
    replayed, _ = await tab.sync()
    assert len(replayed) == 3
    await tab.next_frame(TEXT, client_id="b-1", ack=True)


async def test_where_the_store_cannot_be_read_a_socket_is_closed_with_4012(site: ChatSite) -> None:
    site.store.away.add("read_after")
    assert await (await site.connect(site.ben, after="0")).closed() == 4012
    assert await (await site.connect(site.ben)).closed() == 4012
    assert await site.online() == []


async def test_the_frames_of_replay_tell_what_has_been_seen(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    message_id = (await anna.say("hello", "a-1"))["message_id"]
    await ben.send(SEEN, message_id)
    await anna.next_frame(SEEN, message_id)
    await site.nodes[0].app._seen.flush()
    (replayed,), _ = await (await site.connect(site.anna, after="0")).sync()
    assert replayed["seen"] is True
    assert replayed == (await site.history())[0]


async def test_a_watermark_that_is_being_written_is_not_lost_when_the_node_goes(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    message_id = (await anna.say("hello", "a-1"))["message_id"]
    gate = site.store.gates["advance_seen"] = asyncio.Event()
    await ben.send(SEEN, message_id)
    while not site.store.calls["advance_seen"]:
        await ben.read_all()
    flush = asyncio.create_task(site.nodes[0].app._seen.flush())
    await asyncio.sleep(0)
    gate.set()
    await flush
    assert [frame["seen"] for frame in await site.history()] == [True]
