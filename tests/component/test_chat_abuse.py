"""What a client may not send over the chat socket, nor so often, nor so much of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from randomchat.chat.domain import Event
from randomchat.config import ChatSettings, LimitSettings, MessageSettings
from tests.component.chat_server import ChatSite, Frame, Tab, chat_site
from tests.component.edge_server import frame as raw_frame
from tests.component.edge_server import socket_at

TEXT, ACTION, SEEN, FILE, SYNC, ERROR, BEAT = range(7)


# ---------------------------------------------------------------- malformed
NONSENSE = {
    "no JSON": "nonsense",
    "nothing": "",
    "half of it": '{"event":0,"payload":"x"',
    "two at once": '{"event":0,"payload":"x"}{"event":0,"payload":"x"}',
    "a list": "[]",
    "null": "null",
    "a number": "5",
    "no event": '{"payload":"x"}',
    "no payload": '{"event":0}',
    "an event that is text": '{"event":"0","payload":"x"}',
    "an event that is a fraction": '{"event":0.5,"payload":"x"}',
    "an event that is true": '{"event":true,"payload":"x"}',
    "an event that is null": '{"event":null,"payload":"x"}',
    "an event that is huge": '{"event":' + "9" * 400 + ',"payload":"x"}',
    "a payload that is a number": '{"event":0,"payload":5}',
    "a payload that is an object": '{"event":0,"payload":{}}',
    "a payload that is null": '{"event":0,"payload":null}',
    "a client_id that is a number": '{"event":0,"payload":"x","client_id":5}',
    "a client_id that is null": '{"event":0,"payload":"x","client_id":null}',
    "a client_id that is empty": '{"event":0,"payload":"x","client_id":""}',
    "a client_id that is too long": '{"event":0,"payload":"x","client_id":"' + "c" * 65 + '"}',
    "an unknown event": '{"event":7,"payload":"x"}',
    "a negative event": '{"event":-1,"payload":"x"}',
    "a sync": '{"event":4,"payload":"{}"}',
    "an error": '{"event":5,"payload":"{}"}',
    "a lone surrogate": '{"event":0,"payload":"\\ud83c"}',
    "a lone low surrogate": '{"event":0,"payload":"\\udf55 x"}',
    "a lone surrogate in the client_id": '{"event":0,"payload":"x","client_id":"\\ud83c"}',
    "surrogates in the wrong order": '{"event":0,"payload":"\\udf55\\ud83c"}',
    "a raw control character": '{"event":0,"payload":"\n"}',
    "deep nesting": '{"event":0,"payload":"x","more":' + "[" * 20_000 + "]" * 20_000 + "}",
}


@pytest.mark.parametrize("kind", NONSENSE)
async def test_a_malformed_frame_is_answered_and_the_socket_stays(site: ChatSite, pair: tuple[Tab, Tab], kind: str) -> None:
    anna, ben = pair
    await anna.send_text(NONSENSE[kind])
    frame = await anna.read()
    assert (frame["event"], frame["user_id"], frame["message_id"]) == (ERROR, anna.person.id, "0")
    error = json.loads(frame["payload"])
    assert (error["code"], error["retryable"], error["retry_after_ms"]) == ("malformed", False, 0)
    assert error["msg"]
    assert await ben.read_all() == await site.history() == []
    await anna.say("still here", "c-1")


async def test_a_binary_frame_is_malformed(pair: tuple[Tab, Tab]) -> None:
    anna, _ = pair
    await anna.send_text(b'{"event":0,"payload":"x"}')
    assert (await anna.error())["code"] == "malformed"
    await anna.say("still here", "c-1")


async def test_the_error_names_the_client_id_of_the_malformed_frame_where_it_has_one(pair: tuple[Tab, Tab]) -> None:
    anna, _ = pair
    await anna.send_text('{"event":99,"payload":"x","client_id":"c-1"}')
    assert (await anna.next_frame(ERROR))["client_id"] == "c-1"
    await anna.send_text('{"event":0,"payload":5,"client_id":"c-2"}')
    assert (await anna.next_frame(ERROR))["client_id"] == "c-2"
    await anna.send_text('{"event":0,"payload":5,"client_id":5}')
    assert "client_id" not in await anna.next_frame(ERROR)


async def test_the_longest_client_id_is_taken(pair: tuple[Tab, Tab]) -> None:
    await pair[0].say("hello", "\u00e4" * 64)


async def test_paired_surrogates_are_text(pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    await anna.send_text('{"event":0,"payload":"\\ud83c\\udf55"}')
    assert (await ben.next_frame(TEXT))["payload"] == "\U0001f355"


async def test_broken_utf8_closes_with_1007(site: ChatSite) -> None:
    path = f"/api/chat?uid={site.anna.id}&access_token={site.anna.token}"
    async with socket_at(site.nodes[0].port, path) as client:
        client.send(raw_frame(b'{"event":0,"payload":"\xff"}'))
        assert await client.read_close() == 1007


@pytest.mark.parametrize("size", [64 * 1024 + 1, 1024 * 1024])
async def test_a_frame_over_64_kib_closes_with_1009(site: ChatSite, size: int) -> None:
    path = f"/api/chat?uid={site.anna.id}&access_token={site.anna.token}"
    async with socket_at(site.nodes[0].port, path) as client:
        client.send(raw_frame(b"x" * size))
        assert await client.read_close() == 1009


async def test_a_frame_of_64_kib_is_too_long_a_message_and_no_more(pair: tuple[Tab, Tab]) -> None:
    anna, _ = pair
    text = json.dumps({"event": 0, "payload": ""})
    await anna.send_text(text[:-2] + "x" * (64 * 1024 - len(text)) + text[-2:])
    assert (await anna.error())["code"] == "malformed"
    await anna.say("still here", "c-1")


async def test_20_malformed_frames_in_10_s_close_with_4508(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    for _ in range(20):
        await anna.send_text("nonsense")
    for _ in range(20):
        assert (await anna.error())["code"] == "malformed"
    assert await anna.closed() == 4508
    await ben.next_frame(ACTION, "offline", user_id=anna.person.id)


async def test_19_malformed_frames_do_not_close(pair: tuple[Tab, Tab]) -> None:
    anna, _ = pair
    for _ in range(19):
        await anna.send_text("nonsense")
    await anna.say("still here", "c-1")


async def test_4508_stays_on_where_limits_are_off(tmp_path: Path) -> None:
    async with chat_site(tmp_path, limits=LimitSettings(enabled=False)) as site:
        anna = await site.enter(site.anna)
        for _ in range(20):
            await anna.send_text("nonsense")
        assert await anna.closed() == 4508


# ---------------------------------------------------------------- rates
async def flood(tab: Tab, count: int) -> list[Frame]:
    """The answers to so many messages at once."""
    for number in range(count):
        await tab.send(TEXT, str(number))
    return await tab.read_all()


async def test_over_the_burst_messages_are_rate_limited_and_not_malformed(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, _ = pair
    answers = await flood(anna, 150)
    errors = [json.loads(frame["payload"]) for frame in answers if frame["event"] == ERROR]
    assert {(error["code"], error["retryable"]) for error in errors} == {("rate_limited", True)}
    assert 40 <= len(errors) <= 90
    assert all(0 < error["retry_after_ms"] <= 1000 for error in errors)
    assert len(await site.history()) == 150 - len(errors)


async def test_malformed_frames_cost_nothing_of_the_rate(tmp_path: Path) -> None:
    rate = MessageSettings(per_second=0.01, burst=2)
    async with chat_site(tmp_path, chat=ChatSettings(message=rate)) as site:
        anna = await site.enter(site.anna)
        for _ in range(9):
            await anna.send_text("nonsense")
            await anna.send(TEXT, "")
        await anna.say("one", "c-1")
        await anna.say("two", "c-2")
        await anna.send(TEXT, "three", client_id="c-3")
        assert (await anna.error(client_id="c-3"))["code"] == "rate_limited"


async def test_a_rate_limited_message_may_be_tried_again_after_the_time_that_is_named(tmp_path: Path) -> None:
    rate = MessageSettings(per_second=5, burst=1)
    async with chat_site(tmp_path, chat=ChatSettings(message=rate)) as site:
        anna = await site.enter(site.anna)
        await anna.say("one", "c-1")
        await anna.send(TEXT, "two", client_id="c-2")
        assert 0 < (await anna.error(client_id="c-2"))["retry_after_ms"] <= 200
        while True:
            await anna.send(TEXT, "two", client_id="c-2", retry=True)
            frame = await anna.read()
            if frame["event"] == TEXT:
                break
        assert frame["ack"] is True
        assert len(await site.history()) == 2


async def test_seen_typing_and_beats_stand_outside_the_rate(tmp_path: Path) -> None:
    rate = MessageSettings(per_second=0.01, burst=1)
    async with chat_site(tmp_path, chat=ChatSettings(message=rate)) as site:
        anna, ben = await site.enter(site.anna), await site.enter(site.ben)
        message_id = (await anna.say("one", "c-1"))["message_id"]
        for number in range(200):
            await ben.send(SEEN, message_id)
            await ben.send(ACTION, "istyping" if number % 2 else "endtyping")
            await ben.send(BEAT, "x")
        assert ERROR not in {frame["event"] for frame in await ben.read_all()}
        await ben.say("my first", "b-1")


async def test_limits_can_be_switched_off(tmp_path: Path) -> None:
    async with chat_site(tmp_path, limits=LimitSettings(enabled=False)) as site:
        answers = await flood(await site.enter(site.anna), 200)
    assert {frame["event"] for frame in answers} == {TEXT}


# ---------------------------------------------------------------- how many
async def test_a_full_channel_takes_no_more(tmp_path: Path) -> None:
    async with chat_site(tmp_path, chat=ChatSettings(max_messages=3)) as site:
        anna, ben = await site.enter(site.anna), await site.enter(site.ben)
        for number in range(3):
            await anna.say(str(number), f"c-{number}")
        await ben.send(TEXT, "one too many", client_id="b-1")
        error = await ben.error(client_id="b-1")
        assert (error["code"], error["retryable"], error["retry_after_ms"]) == ("channel_full", False, 0)
        assert len(await site.history()) == 3


async def test_a_channel_is_full_after_5000_messages_by_default(site: ChatSite) -> None:
    await site.store_messages(5000, ago_ms=600_000)
    anna = await site.enter(site.anna)
    await anna.send(TEXT, "one too many")
    assert (await anna.error())["code"] == "channel_full"
    assert Event.TEXT not in {frame["event"] for frame in await anna.read_all()}
