"""Acknowledgement, resend, order and once, over real sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.component.chat_server import ChatSite, Tab, chat_site, ids, sweep, texts

TEXT, ACTION, SEEN, FILE, SYNC, ERROR, BEAT = range(7)


async def refuse(site: ChatSite, tab: Tab, text: str, client_id: str) -> None:
    """Let a message be refused by a store that is away for a moment."""
    site.store.away.add("insert_message")
    await tab.send(TEXT, text, client_id=client_id)
    error = await tab.error(client_id=client_id)
    assert (error["code"], error["retryable"]) == ("unavailable", True)
    assert error["retry_after_ms"] > 0
    site.store.away.clear()


# ---------------------------------------------------------------- acknowledgement
async def test_only_the_socket_that_sent_a_message_gets_ack(site: ChatSite) -> None:
    anna, ben, second_tab = await site.enter(site.anna), await site.enter(site.ben), await site.enter(site.anna)
    answer = await anna.say("hello", "c-1")
    copies = [await tab.next_frame(TEXT) for tab in (ben, second_tab)]
    assert copies == [{key: value for key, value in answer.items() if key != "ack"}] * 2
    assert copies[0]["client_id"] == "c-1"


async def test_the_acknowledgement_comes_after_the_message_is_durable(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    gate = site.store.gates["insert_message"] = asyncio.Event()
    await anna.send(TEXT, "hello", client_id="c-1")
    assert TEXT not in {frame["event"] for frame in await ben.read_all()}
    gate.set()
    await anna.next_frame(TEXT, client_id="c-1", ack=True)
    await ben.next_frame(TEXT, client_id="c-1")


async def test_every_stored_frame_carries_its_client_id_live_in_replay_and_in_history(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    await anna.say("hello", "c-1")
    live = await ben.next_frame(TEXT)
    (replayed,), _ = await (await site.connect(site.ben, after="0")).sync()
    assert live == replayed == (await site.history())[0]
    assert live["client_id"] == "c-1"


async def test_a_message_that_could_not_be_stored_is_not_delivered(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    await refuse(site, anna, "hello", "c-1")
    assert await site.history() == []
    assert texts(await ben.read_all()) == []


async def test_a_message_of_an_old_client_that_could_not_be_stored_blocks_nothing(site: ChatSite) -> None:
    anna = await site.enter(site.anna)
    site.store.away.add("insert_message")
    await anna.send(TEXT, "old")
    assert (await anna.error())["code"] == "unavailable"
    site.store.away.clear()
    await anna.send(TEXT, "older")
    await anna.next_frame(TEXT, "older")


# ---------------------------------------------------------------- resend
async def test_a_resend_of_a_message_that_was_stored_is_answered_with_that_one(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    first = await anna.say("hello", "c-1")
    anna.cut()
    anna = await site.enter(site.anna)
    assert await anna.say("hello", "c-1", retry=True) == first
    assert ids(await ben.read_all()) == [int(first["message_id"])]
    assert len(await site.history()) == 1


async def test_a_resend_on_the_same_socket_is_answered_once_more(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    first = await anna.say("hello", "c-1")
    assert await anna.say("hello", "c-1", retry=True) == first
    assert len(texts(await ben.read_all())) == 1


async def test_a_resend_of_a_message_that_was_not_stored_stores_it(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    await refuse(site, anna, "hello", "c-1")
    answer = await anna.say("hello", "c-1", retry=True)
    assert (await ben.next_frame(TEXT))["message_id"] == answer["message_id"]
    assert ids(await site.history()) == [int(answer["message_id"])]


async def test_a_stored_message_whose_answer_was_lost_is_acknowledged_by_its_first_id(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    site.store.mute = True
    await anna.send(TEXT, "hello", client_id="c-1")
    await anna.error(client_id="c-1")
    site.store.mute = False
    answer = await anna.say("hello", "c-1", retry=True)
    assert ids(await site.history()) == ids([await ben.next_frame(TEXT)]) == [int(answer["message_id"])]


async def test_an_old_message_is_stored_again_under_a_new_id_and_history_shows_one(site: ChatSite) -> None:
    (old,) = await site.store_messages(1, ago_ms=60_000, client_id="c-1")
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    answer = await anna.say("again", "c-1", retry=True)
    assert int(answer["message_id"]) > old
    assert texts(await ben.read_all()) == []  # it is known there from before
    assert ids(await site.history()) == [old]


async def test_a_retry_is_only_asked_for_with_the_boolean(site: ChatSite) -> None:
    anna = await site.enter(site.anna)
    await anna.say("hello", "c-1", retry=False)
    await anna.say("more", "c-2", retry="yes")
    assert site.store.calls["find_message"] == 0
    await anna.say("hello", "c-1", retry=True)
    assert site.store.calls["find_message"] == 1


async def test_the_same_client_id_of_the_other_member_is_another_message(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    await anna.say("mine", "c-1")
    await ben.say("my own", "c-1", retry=True)
    assert texts(await site.history()) == ["my own", "mine"]


async def test_the_answer_to_a_resend_is_what_was_stored_and_not_what_was_resent(site: ChatSite) -> None:
    anna = await site.enter(site.anna)
    await anna.say("first", "c-1")
    assert (await anna.say("forged", "c-1", retry=True))["payload"] == "first"


async def test_where_the_store_cannot_be_asked_a_resend_is_refused_and_stays_due(site: ChatSite) -> None:
    anna = await site.enter(site.anna)
    await anna.say("hello", "c-1")
    site.store.away.add("find_message")
    await anna.send(TEXT, "hello", client_id="c-1", retry=True)
    assert (await anna.error(client_id="c-1"))["code"] == "unavailable"
    site.store.away.clear()
    await anna.say("hello", "c-1", retry=True)
    assert len(await site.history()) == 1


# ---------------------------------------------------------------- order
async def test_messages_of_both_keep_their_order(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    for number in range(20):
        await anna.send(TEXT, f"a{number}")
        await ben.send(TEXT, f"b{number}")
    seen_by = [await tab.read_all() for tab in (anna, ben)]
    history = (await site.history())[::-1]
    assert ids(history) == sorted(set(ids(history)))
    for side in "ab":
        assert [text for text in texts(history) if text[0] == side] == [f"{side}{number}" for number in range(20)]
    for frames, own in zip(seen_by, "ab", strict=True):
        assert [text for text in texts(frames) if text[0] == own] == [f"{own}{number}" for number in range(20)]


async def test_an_answer_has_a_larger_id_than_its_question(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    site.nodes[0].clock.shift_ms = -1500  # a small step back, as a clock that is set makes it
    question = await anna.say("how are you?", "c-1")
    assert int((await ben.say("fine", "c-2"))["message_id"]) > int(question["message_id"])


async def test_no_id_is_smaller_than_what_the_channel_has_already(site: ChatSite) -> None:
    (newest,) = await site.store_messages(1, ago_ms=-1500)
    anna = await site.enter(site.anna)
    assert int((await anna.say("hello", "c-1"))["message_id"]) > newest


async def test_after_a_refusal_later_messages_must_wait_until_it_comes_again(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    await refuse(site, anna, "one", "c-1")
    for client_id in ("c-2", "c-3"):
        await anna.send(TEXT, "later", client_id=client_id)
        error = await anna.error(client_id=client_id)
        assert (error["code"], error["retryable"]) == ("resend_first", True)
    await anna.send(TEXT, "without a name")
    assert (await anna.error())["code"] == "resend_first"
    for client_id in ("c-1", "c-2", "c-3"):
        await anna.say(client_id, client_id, retry=True)
    assert texts(await ben.read_all()) == ["c-1", "c-2", "c-3"]
    assert texts(await site.history()) == ["c-3", "c-2", "c-1"]


async def test_a_message_that_is_refused_for_good_opens_the_way_for_the_next(tmp_path: Path) -> None:
    async with chat_site(tmp_path) as site:
        anna = await site.enter(site.anna)
        await refuse(site, anna, "one", "c-1")
        await anna.send(TEXT, "x" * 5000, client_id="c-1", retry=True)
        assert (await anna.error(client_id="c-1"))["code"] == "malformed"
        await anna.say("two", "c-2")


async def test_seen_typing_and_beats_go_on_after_a_refusal(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    message_id = (await ben.say("hello", "b-1"))["message_id"]
    await refuse(site, anna, "one", "c-1")
    await anna.send(SEEN, message_id)
    await ben.next_frame(SEEN, message_id)
    await anna.send(ACTION, "istyping")
    await ben.next_frame(ACTION, "istyping")


async def test_a_new_socket_waits_for_nothing(site: ChatSite) -> None:
    anna = await site.enter(site.anna)
    await refuse(site, anna, "one", "c-1")
    await (await site.enter(site.anna)).say("two", "c-2")


# ---------------------------------------------------------------- once
async def test_no_socket_gets_a_message_twice_whatever_is_read_again(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben, after="0")
    acks = [await anna.say(str(number), f"c-{number}") for number in range(5)]
    for _ in range(3):
        await sweep(site)
    assert ids(await ben.read_all()) == [int(ack["message_id"]) for ack in acks]
    assert texts(await anna.read_all()) == []


async def test_what_only_the_store_has_is_brought_by_the_sweep(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    (stored,) = await site.store_messages(1)
    for tab in (anna, ben):
        frame = await tab.next_frame(TEXT)
        assert (frame["message_id"], frame["user_id"]) == (str(stored), site.anna.id)
        assert "ack" not in frame
    assert texts(await ben.read_all()) == []


async def test_a_copy_with_a_smaller_id_of_a_known_message_corrects_its_place(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    later = await anna.say("hello", "c-1")
    await ben.next_frame(TEXT)
    (first_try,) = await site.store_messages(1, ago_ms=15_000, client_id="c-1")  # it surfaces late
    await sweep(site)
    for tab in (anna, ben):
        assert ids(await tab.read_all()) == [first_try]
    assert ids(await site.history()) == [first_try] != [int(later["message_id"])]


async def test_a_copy_with_a_larger_id_of_a_known_message_is_not_shown(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    await anna.say("hello", "c-1")
    await ben.next_frame(TEXT)
    await site.store_messages(1, ago_ms=-1000, client_id="c-1")
    await sweep(site)
    assert texts(await ben.read_all()) == []
