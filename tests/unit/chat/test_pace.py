"""When the store is asked for a message that comes again."""

from __future__ import annotations

import json

import pytest

from randomchat.chat.frames import ClientFrame
from randomchat.chat.pace import READERS_MOST, UNTRIED_MOST, HistoryPace, Untried
from randomchat.config import ChatSettings, HistorySettings, MessageSettings, Settings
from randomchat.errors import RateLimited
from randomchat.ids import ChannelId
from tests.fakes import FakeClock
from tests.reliability.simulation.store import Health
from tests.unit.chat.stage import ANNA, ERROR, TEXT, Line, Stage, play

TWO_AT_ONCE = Settings(chat=ChatSettings(message=MessageSettings(burst=2, per_second=20)))


def send(line: Line, name: str, **keys: bool) -> None:
    line.send(TEXT, name, client_id=name, **keys)


def errors(line: Line) -> list[str]:
    return [json.loads(got.frame["payload"])["code"] for got in line.received if got.frame["event"] == ERROR]


async def refuse_four(stage: Stage, line: Line) -> None:
    """Of six messages at once two are stored, and the others refused before the store was asked."""
    for number in range(6):
        send(line, f"c-{number}")
    await stage.until(stage.now_s + 0.5)
    assert errors(line) == ["rate_limited", "resend_first", "resend_first", "resend_first"]


def test_what_was_refused_before_the_store_was_asked_is_not_looked_for() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        anna = await stage.connect(node, ANNA)
        await refuse_four(stage, anna)
        for name in ("c-2", "c-3", "c-4", "c-5"):
            send(anna, name, retry=True)
            await stage.until(stage.now_s + 0.1)
        assert anna.texts() == [f"c-{number}" for number in range(6)]
        assert node.link.lookups == []

    play(scene, TWO_AT_ONCE)


def test_a_resend_that_is_refused_once_more_is_still_not_looked_for() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        anna = await stage.connect(node, ANNA)
        await refuse_four(stage, anna)
        for name in ("c-3", "c-2", "c-3"):  # out of order the first time
            send(anna, name, retry=True)
            await stage.until(stage.now_s + 0.1)
        assert errors(anna)[-1] == "resend_first"
        assert anna.texts() == ["c-0", "c-1", "c-2", "c-3"]
        assert node.link.lookups == []

    play(scene, TWO_AT_ONCE)


def test_what_was_sent_on_an_earlier_socket_is_looked_for() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        earlier = await stage.connect(node, ANNA)
        await refuse_four(stage, earlier)
        earlier.hang_up(1006)
        anna = await stage.connect(node, ANNA, after=0)
        for name in ("c-1", "c-2", "c-3"):  # the server can't know which of them the earlier socket has stored
            send(anna, name, retry=True)
            await stage.until(stage.now_s + 0.1)
        assert node.link.lookups == ["c-1", "c-2", "c-3"]
        assert [message.client_id for message in stage.store.history()] == ["c-0", "c-1", "c-2", "c-3"]

    play(scene, TWO_AT_ONCE)


def test_a_resend_that_is_refused_here_although_it_was_sent_elsewhere_is_looked_for() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        anna = await stage.connect(node, ANNA)
        for name in ("c-0", "c-1", "c-2"):
            send(anna, name, retry=True)
        await stage.until(stage.now_s + 0.5)
        assert errors(anna) == ["rate_limited"]
        send(anna, "c-2", retry=True)
        await stage.until(stage.now_s + 0.5)
        assert node.link.lookups == ["c-0", "c-1", "c-2"]

    play(scene, TWO_AT_ONCE)


def test_once_the_store_was_asked_a_message_is_looked_for() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        anna = await stage.connect(node, ANNA)
        await refuse_four(stage, anna)
        stage.store.health = Health(lost_answer=1.0)
        send(anna, "c-2", retry=True)
        await stage.until(stage.now_s + 10)
        assert errors(anna)[-1] == "unavailable"
        stage.store.health = Health()
        send(anna, "c-2", retry=True)
        await stage.until(stage.now_s + 1)
        assert node.link.lookups == ["c-2"]
        assert anna.last(TEXT)["ack"] is True

    play(scene, TWO_AT_ONCE)


def test_history_may_be_read_again_after_a_while() -> None:
    clock = FakeClock()
    pace = HistoryPace(HistorySettings(burst=2, per_second=2), clock)
    member = ChannelId(77), ANNA
    pace.admit(*member)
    pace.admit(*member)
    with pytest.raises(RateLimited) as refusal:
        pace.admit(*member)
    assert refusal.value.retry_after_s == 0.5
    clock.advance(0.5)
    pace.admit(*member)


def test_of_whom_history_is_read_is_remembered_for_a_bounded_number() -> None:
    pace = HistoryPace(HistorySettings(), FakeClock())
    for number in range(READERS_MOST + 5):
        pace.admit(ChannelId(number), ANNA)
    assert len(pace._buckets) == READERS_MOST


def test_what_is_remembered_is_bounded() -> None:
    untried = Untried()
    for number in range(UNTRIED_MOST + 1):
        untried.note(ClientFrame(TEXT, "", str(number)))
    assert not untried.pop(ClientFrame(TEXT, "", "0", retry=True))
    assert untried.pop(ClientFrame(TEXT, "", "1", retry=True))
    assert not untried.pop(ClientFrame(TEXT, "", "1", retry=True))
    assert not untried.pop(ClientFrame(TEXT, ""))
