"""A node that can no longer be trusted, or that others can no longer rely on; and delivery by the clock."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from randomchat.ids import MessageIds, side_of
from randomchat.infra.mailbox_memory import Weather
from tests.reliability.simulation.store import Health
from tests.unit.chat.stage import ANNA, BEN, ERROR, SEEN, SYNC, TEXT, Stage, play


# ---------------------------------------------------------------- standstill
def test_after_a_standstill_all_sockets_are_closed_before_anything_is_handled() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        anna, ben = await stage.connect(node, ANNA), await stage.connect(node, BEN)
        await stage.until(20)
        node.clock.suspended_s = 11
        anna.send(TEXT, "from before", client_id="c-1")
        await stage.until(21)
        assert [line.closed_with for line in (anna, ben)] == [4012, 4012]
        assert not stage.store.rows
        assert anna.texts() == ben.texts() == []

    play(scene)


def test_a_short_stop_is_no_standstill() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        anna = await stage.connect(node, ANNA)
        await stage.until(20)
        node.clock.suspended_s = 9
        anna.send(TEXT, "hello", client_id="c-1")
        await stage.until(30)
        assert (anna.closed_with, anna.texts()) == (None, ["hello"])

    play(scene)


def test_an_idle_node_does_not_look_like_one_that_stood_still() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        anna = await stage.connect(node, ANNA)
        await stage.until(3600)
        anna.send(TEXT, "hello", client_id="c-1")
        await stage.until(3601)
        assert (anna.closed_with, anna.texts()) == (None, ["hello"])

    play(scene)


# ---------------------------------------------------------------- too late
@pytest.mark.parametrize("tenths", range(20))
def test_what_was_said_just_before_the_mailbox_delivers_again_need_not_wait_for_a_sweep_by_the_clock(tenths: int) -> None:
    """At whichever moment between two sweeps, two seconds apart, it comes back."""

    async def scene(stage: Stage) -> None:
        one, other = await stage.node(), await stage.node()
        anna, ben = await stage.connect(one, ANNA), await stage.connect(other, BEN)
        await stage.until(10)
        stage.broker.weather = Weather(lost=1.0)
        back_s = 20 + tenths / 10
        await stage.until(back_s - 0.05)
        anna.send(TEXT, "hello", client_id="c-1")
        await stage.until(back_s)
        stage.broker.weather = None
        await stage.until(back_s + 8)
        assert ben.texts() == ["hello"]

    play(scene)


def test_a_watermark_that_comes_late_from_another_node_is_not_told_after_a_newer_one() -> None:
    """The mailbox holds it up, meanwhile the sweep brings the newer one."""

    async def scene(stage: Stage) -> None:
        one, other = await stage.node(), await stage.node()
        anna, ben = await stage.connect(one, ANNA), await stage.connect(other, BEN)
        await stage.until(10)
        ids: list[str] = []
        for text in ("one", "two"):
            anna.send(TEXT, text, client_id=text)
            await stage.until(11 + len(ids))
            ids.append(ben.last(TEXT)["message_id"])
        stage.broker.pause()
        for message_id in ids:
            ben.send(SEEN, message_id)
        await stage.until(20)
        stage.broker.resume()
        await stage.until(25)
        told = [got.frame["payload"] for got in anna.received if got.frame["event"] == SEEN]
        assert told == sorted(told, key=int)
        assert told[-1] == ids[1]

    play(scene)


def test_watermarks_that_an_old_client_tells_newest_first_are_all_relayed_by_the_other_node() -> None:
    async def scene(stage: Stage) -> None:
        one, other = await stage.node(), await stage.node()
        anna, ben = await stage.connect(one, ANNA), await stage.connect(other, BEN)
        await stage.until(10)
        for text in ("one", "two", "three"):
            anna.send(TEXT, text, client_id=text)
        await stage.until(11)
        ids = [got.frame["message_id"] for got in ben.received if got.frame["event"] == TEXT]
        for message_id in reversed(ids):
            ben.send(SEEN, message_id)
        await stage.until(12)
        assert [got.frame["payload"] for got in anna.received if got.frame["event"] == SEEN] == ids[::-1]

    play(scene)


def test_a_post_that_comes_after_10_s_is_left_to_the_sweep() -> None:
    async def scene(stage: Stage) -> None:
        one, other = await stage.node(), await stage.node()
        anna, ben = await stage.connect(one, ANNA), await stage.connect(other, BEN)
        await stage.until(10)
        stage.broker.pause()
        anna.send(TEXT, "hello", client_id="c-1")
        await stage.until(10.5)
        other.link.reads = False
        await stage.until(22)
        stage.broker.resume()
        await stage.until(23)
        assert ben.texts() == []
        other.link.reads = True
        await stage.until(30)
        assert ben.texts() == ["hello"]

    play(scene)


def test_a_message_whose_store_is_away_is_refused_and_its_resend_answered_once() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        anna, ben = await stage.connect(node, ANNA), await stage.connect(node, BEN)
        stage.store.health = Health(lost_answer=1.0)
        anna.send(TEXT, "hello", client_id="c-1")
        await stage.until(10)
        assert json.loads(anna.last(ERROR)["payload"])["code"] == "unavailable"
        stage.store.health = Health()
        anna.send(TEXT, "hello", client_id="c-1", retry=True)
        await stage.until(30)
        assert ben.texts() == ["hello"]
        assert anna.last(TEXT)["ack"] is True
        assert len(stage.store.history()) == 1

    play(scene)


def test_at_most_2_lookups_a_second_after_the_first_8() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        anna = await stage.connect(node, ANNA)
        began_s = stage.now_s
        for number in range(20):
            anna.send(TEXT, str(number), client_id=str(number), retry=True)
        await stage.until(began_s + 0.4)
        assert len(anna.texts()) == 8
        await stage.until(began_s + 2.9)
        assert len(anna.texts()) == 13
        await stage.until(began_s + 10)
        assert anna.texts() == [str(number) for number in range(20)]

    play(scene)


# ---------------------------------------------------------------- seen
def test_however_often_somebody_reads_watermarks_are_written_a_few_times_a_second() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        anna, ben = await stage.connect(node, ANNA), await stage.connect(node, BEN)
        for number in range(100):
            anna.send(TEXT, str(number), client_id=str(number))
            await stage.until(stage.now_s + 0.05)
            ben.send(SEEN, anna.last(TEXT)["message_id"])
        await stage.until(20)
        writes = node.link.seen_writes_at_s
        assert 10 < len(writes) < 20
        assert min(later - sooner for sooner, later in itertools.pairwise(writes)) >= 0.3
        assert str(stage.store.channel.members[1].seen_id) == anna.last(TEXT)["message_id"]

    play(scene)


def test_a_watermark_is_written_as_soon_as_the_store_is_back() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        anna, ben = await stage.connect(node, ANNA), await stage.connect(node, BEN)
        anna.send(TEXT, "hello", client_id="c-1")
        await stage.until(6)
        message_id = anna.last(TEXT)["message_id"]
        node.link.reads = False
        ben.send(SEEN, message_id)
        await stage.until(20)
        assert stage.store.channel.members[1].seen_id == 0
        assert anna.last(SEEN)["payload"] == message_id
        node.link.reads = True
        await stage.until(25)
        assert str(stage.store.channel.members[1].seen_id) == message_id

    play(scene)


def test_an_older_seen_never_moves_the_watermark_back() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        anna, ben = await stage.connect(node, ANNA), await stage.connect(node, BEN)
        for number in range(3):
            anna.send(TEXT, str(number), client_id=str(number))
        await stage.until(6)
        ids = sorted(stage.store.rows)
        for message_id in (ids[2], ids[0]):
            ben.send(SEEN, str(message_id))
            await stage.until(stage.now_s + 2)
        assert stage.store.channel.members[1].seen_id == ids[2]
        resumed = await stage.connect(node, ANNA, after=0)
        assert resumed.last(SEEN)["payload"] == str(ids[2])

    play(scene)


def test_a_tab_that_is_behind_takes_no_mark_back_on_anybodys_socket() -> None:
    """It may be a dead line's last words, which came late."""

    async def scene(stage: Stage) -> None:
        node = await stage.node()
        anna, *tabs = [await stage.connect(node, who) for who in (ANNA, BEN, BEN)]
        for number in range(3):
            anna.send(TEXT, str(number), client_id=str(number))
        await stage.until(6)
        ids = sorted(stage.store.rows)
        for tab, message_id in zip(tabs, (ids[2], ids[0]), strict=True):
            tab.send(SEEN, str(message_id))
            await stage.until(stage.now_s + 2)
        assert anna.last(SEEN)["payload"] == str(ids[2])

    play(scene)


# ---------------------------------------------------------------- lost nodes and hostile mail
def test_whatever_the_mailbox_does_both_see_all_messages_once() -> None:
    for seed in range(10):
        play(lambda stage, seed=seed: hostile(stage, seed))  # type: ignore[misc]


async def hostile(stage: Stage, seed: int) -> None:
    one, other = await stage.node(), await stage.node()
    anna, ben = await stage.connect(one, ANNA, after=0), await stage.connect(other, BEN, after=0)
    stage.broker.weather = Weather(seed, lost=0.3, twice=0.3, late=0.5, delay_s=(0.0, 15.0))
    for number in range(60):
        line = (anna, ben)[number % 2]
        line.send(TEXT, str(number), client_id=str(number))
        await stage.until(stage.now_s + 0.7)
    stage.broker.weather = None
    await stage.until(stage.now_s + 70)
    for line in (anna, ben):
        assert sorted(line.texts(), key=int) == [str(number) for number in range(60)]


def test_a_resume_on_another_node_misses_nothing_of_a_node_that_died() -> None:
    async def scene(stage: Stage) -> None:
        one, other = await stage.node(), await stage.node()
        ben = await stage.connect(other, BEN)
        anna = await stage.connect(one, ANNA, after=0)
        ben.send(TEXT, "before", client_id="b-1")
        await stage.until(3)
        one.app.node._loops.cancel()
        anna.hang_up(1006)
        ben.send(TEXT, "meanwhile", client_id="b-2")
        await stage.until(5)
        again = await stage.connect(other, ANNA, after=int(json.loads(anna.last(SYNC)["payload"])["last"]))
        assert again.texts() == ["before", "meanwhile"]

    play(scene)


# ---------------------------------------------------------------- the ids of a channel
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(-5000, 5000)), max_size=60))
def test_the_ids_of_a_channel_only_grow_however_the_clock_jumps(sent: list[tuple[int, int]]) -> None:
    ids, floor, made = MessageIds(), 0, []
    for side, clock_ms in sent:
        message_id = ids.next(side=side, now_ms=1_800_000_000_000 + clock_ms, floor=floor)
        floor = max(floor, message_id)
        made.append(message_id)
        assert side_of(message_id) == side
    assert made == sorted(set(made))
