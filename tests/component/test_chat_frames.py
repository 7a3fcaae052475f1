"""What a client may send over the chat socket, and what everybody gets for it."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from randomchat.config import ChatSettings, MessageSettings, PresenceSettings
from randomchat.ids import ChannelId
from randomchat.infra.object_store import ObjectKey
from tests.component.chat_server import ChatSite, Tab, chat_site

TEXT, ACTION, SEEN, FILE, SYNC, ERROR, BEAT = range(7)


# ---------------------------------------------------------------- event 0: text
async def test_a_message_goes_to_both_members(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    before_ms = time.time_ns() // 1_000_000
    await anna.send(TEXT, "hello")
    mine, theirs = await anna.read(), await ben.read()
    assert mine == theirs == (await site.history())[0]
    assert mine.keys() == {"message_id", "event", "user_id", "payload", "seen", "time"}
    assert (mine["event"], mine["user_id"], mine["payload"], mine["seen"]) == (0, anna.person.id, "hello", False)
    assert before_ms <= mine["time"] <= time.time() * 1000 + 1
    assert 0 < int(mine["message_id"]) < 2**63


@pytest.mark.parametrize(
    "text",
    [
        "x" * 4096,
        "\u00e4" * 2048,
        "\U0001f355" * 1024,
        " ",
        "\0",
        "\n\r\t\u2028\u2029",
        "<script>alert(1)</script>&amp;<img src=x onerror=alert(1)>",
        '"\\"\\u0041\\',
        '{"event":0}',
        "\u202eright to left\u2069",
        "\ufeff\ufffe\uffff",
        "e\u0301 is not \u00e9",
    ],
)
async def test_every_text_comes_back_unchanged(site: ChatSite, pair: tuple[Tab, Tab], text: str) -> None:
    anna, ben = pair
    await anna.send(TEXT, text)
    assert (await ben.next_frame(TEXT))["payload"] == text
    assert (await site.history())[0]["payload"] == text


@pytest.mark.parametrize("text", ["", "x" * 4097, "\u00e4" * 2049, "\U0001f355" * 1025])
async def test_a_text_of_no_or_over_4096_bytes_is_refused(site: ChatSite, pair: tuple[Tab, Tab], text: str) -> None:
    anna, ben = pair
    await anna.send(TEXT, text, client_id="c-1")
    assert (await anna.error(client_id="c-1"))["code"] == "malformed"
    assert await ben.read_all() == await site.history() == []


async def test_the_longest_message_is_a_setting(tmp_path: Path) -> None:
    async with chat_site(tmp_path, chat=ChatSettings(message=MessageSettings(max_bytes=10))) as site:
        anna = await site.enter(site.anna)
        await anna.say("x" * 10, "c-1")
        await anna.send(TEXT, "x" * 11)
        assert (await anna.error())["retryable"] is False


FORGED: dict[str, Any] = {"user_id": "1", "time": 1, "message_id": "1", "seen": True, "ack": True}
MISTYPED: dict[str, Any] = {
    "user_id": None,
    "time": "x",
    "message_id": {},
    "seen": [1],
    "ack": 0,
    "retry": "yes",
    "more": {"a": []},
}


@pytest.mark.parametrize("keys", [FORGED, MISTYPED])
async def test_ignored_keys_are_ignored_whatever_they_say(site: ChatSite, pair: tuple[Tab, Tab], keys: dict[str, Any]) -> None:
    anna, ben = pair
    await anna.send(TEXT, "hello", **keys)
    mine, theirs = await anna.next_frame(TEXT), await ben.next_frame(TEXT)
    assert (theirs["user_id"], theirs["payload"], theirs["seen"]) == (anna.person.id, "hello", False)
    assert theirs["message_id"] == (await site.history())[0]["message_id"] != "1"
    assert theirs["time"] == int(theirs["message_id"]) >> 21
    assert "ack" not in mine
    assert "ack" not in theirs


async def test_ignored_keys_are_ignored_in_seen_and_actions_too(pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    message_id = (await anna.say("hello", "c-1"))["message_id"]
    await ben.send(SEEN, message_id, **FORGED)
    assert (await anna.next_frame(SEEN, message_id))["user_id"] == anna.person.id
    await ben.send(ACTION, "istyping", **{**FORGED, "user_id": anna.person.id})
    assert (await anna.next_frame(ACTION))["user_id"] == ben.person.id


# ---------------------------------------------------------------- event 1: actions
@pytest.mark.parametrize("what", ["joined", "waiting", "offline", "leaved", "reconnecting", "ISTYPING", " istyping", "", "dance"])
async def test_a_forged_action_is_refused(pair: tuple[Tab, Tab], what: str) -> None:
    anna, ben = pair
    await anna.send(ACTION, what)
    assert (await anna.error())["code"] == "malformed"
    assert await ben.read_all() == []


async def test_typing_is_told_to_both_and_ended_by_its_typist(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    for what in ("istyping", "endtyping"):
        await anna.send(ACTION, what)
        for tab in pair:
            frame = await tab.read()
            assert (frame["event"], frame["payload"], frame["user_id"]) == (ACTION, what, anna.person.id)
            assert (frame["message_id"], frame["seen"]) == ("0", False)
    assert await ben.read_all() == await site.history() == []


async def test_typing_is_never_repeated(pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    for what in ("istyping", "istyping", "endtyping", "endtyping", "istyping"):
        await anna.send(ACTION, what)
    await anna.read_all()
    assert [frame["payload"] for frame in await ben.read_all()] == ["istyping", "endtyping", "istyping"]


async def test_typing_is_ended_when_the_typist_goes(pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    await anna.send(ACTION, "istyping")
    await ben.next_frame(ACTION, "istyping")
    anna.cut()
    assert [(await ben.read())["payload"] for _ in range(2)] == ["endtyping", "reconnecting"]


async def test_typing_is_ended_by_the_server_after_a_while(tmp_path: Path) -> None:
    async with chat_site(tmp_path, chat=ChatSettings(presence=PresenceSettings(typing_s=0.3))) as site:
        anna, ben = await site.enter(site.anna), await site.enter(site.ben)
        await anna.send(ACTION, "istyping")
        began = await ben.next_frame(ACTION, "istyping")
        ended = await ben.next_frame(ACTION, "endtyping", user_id=anna.person.id)
        assert 300 <= ended["time"] - began["time"] + 1 < 1500


# ---------------------------------------------------------------- event 2: seen
async def test_seen_names_the_author_to_both(pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    message_id = (await anna.say("hello", "c-1"))["message_id"]
    await ben.next_frame(TEXT)
    await ben.send(SEEN, message_id)
    for tab in pair:
        frame = await tab.read()
        assert (frame["event"], frame["payload"], frame["user_id"], frame["seen"]) == (SEEN, message_id, anna.person.id, True)


async def test_old_clients_may_send_one_seen_for_each_message_and_each_is_relayed(pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    ids = [(await anna.say(str(number), f"c-{number}"))["message_id"] for number in range(5)]
    for message_id in reversed(ids):
        await ben.send(SEEN, message_id)
    assert [(await anna.next_frame(SEEN))["payload"] for _ in ids] == ids[::-1]


async def test_of_many_seen_only_the_newest_is_written(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    ids = [(await anna.say(str(number), f"c-{number}"))["message_id"] for number in range(50)]
    for message_id in reversed(ids):
        await ben.send(SEEN, message_id)
    await anna.next_frame(SEEN, ids[0])
    await site.nodes[0].app.drain()
    assert site.store.calls["advance_seen"] == 1
    assert all(frame["seen"] for frame in await site.history())


@pytest.mark.parametrize("payload", ["", "0", "x", "123", "-1", "9" * 19, "9" * 30, "\u0661\u0662"])
async def test_seen_of_no_message_is_unknown(pair: tuple[Tab, Tab], payload: str) -> None:
    anna, ben = pair
    await ben.send(SEEN, payload, client_id="s-1")
    error = await ben.error(client_id="s-1")
    assert (error["code"], error["retryable"], error["retry_after_ms"]) == ("unknown_message", False, 0)
    assert await anna.read_all() == []


async def test_seen_of_an_own_message_is_unknown(pair: tuple[Tab, Tab]) -> None:
    anna, _ = pair
    message_id = (await anna.say("hello", "c-1"))["message_id"]
    await anna.send(SEEN, message_id)
    assert (await anna.error())["code"] == "unknown_message"


async def test_seen_of_a_message_of_another_channel_is_unknown(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    _, ben = pair
    _, stranger, _ = await site.make_channel()
    message_id = (await (await site.enter(stranger)).say("elsewhere", "c-1"))["message_id"]
    await ben.send(SEEN, message_id)
    assert (await ben.error())["code"] == "unknown_message"


async def test_seen_of_a_message_from_before_the_socket_is_known(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    (old,) = await site.store_messages(1, ago_ms=600_000)
    await ben.send(SEEN, str(old))
    assert (await anna.next_frame(SEEN))["payload"] == str(old)


# ---------------------------------------------------------------- event 3: files
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


async def upload(site: ChatSite, data: bytes, ext: str = "png", channel_id: ChannelId | None = None) -> str:
    """Put a file where the uploader puts it; the payload of a frame that names it."""
    key = ObjectKey.new(channel_id or site.channel_id, ext, time.time_ns() // 1_000_000)
    await site.objects.stage(key, pieces(data), max_bytes=1 << 30)
    return json.dumps({"file_name": "a cat.png", "object_key": str(key)})


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def test_a_file_goes_to_both_members_as_a_text_does(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    payload = await upload(site, PNG)
    await anna.send(FILE, payload, client_id="f-1")
    answer, copy = await anna.read(), await ben.read()
    assert answer == {**copy, "ack": True}
    assert (copy["event"], copy["payload"], copy["client_id"]) == (FILE, payload, "f-1")
    assert await site.history() == [copy]
    replayed, _ = await (await site.connect(site.ben, after="0")).sync()
    assert replayed == [copy]


async def test_the_bytes_of_a_file_are_fixed_when_its_frame_names_it(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, _ = pair
    payload = await upload(site, PNG)
    await anna.send(FILE, payload, client_id="f-1")
    await anna.next_frame(FILE, ack=True)
    key = ObjectKey.parse(json.loads(payload)["object_key"])
    assert key is not None
    await site.objects.stage(key, pieces(PNG + b"changed"), max_bytes=1 << 30)
    assert (await site.objects.stat(key)).size == len(PNG)


async def refused_file(tab: Tab, payload: str) -> tuple[str, bool]:
    """Code of the refusal of a file, and whether it may be tried again."""
    await tab.send(FILE, payload, client_id="f-1")
    error = await tab.error(client_id="f-1")
    return error["code"], error["retryable"]


async def test_a_file_that_was_never_uploaded_is_refused(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    anna, ben = pair
    key = str(ObjectKey.new(site.channel_id, "png", 1))
    for unknown in (key, "x", f"{site.channel_id}/../../secret.png", f"{site.channel_id}/x.png", ""):
        payload = json.dumps({"file_name": "a.png", "object_key": unknown})
        assert await refused_file(anna, payload) == ("unknown_file", False)
    assert await ben.read_all() == await site.history() == []
    await anna.say("and on", "c-1")


async def test_a_file_of_another_channel_is_refused(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    other, _, _ = await site.make_channel()
    assert await refused_file(pair[0], await upload(site, PNG, channel_id=other)) == ("unknown_file", False)


async def test_a_file_that_is_not_what_its_key_says_is_refused(site: ChatSite, pair: tuple[Tab, Tab]) -> None:
    page = b"<!doctype html><script>alert(1)</script>"
    assert await refused_file(pair[0], await upload(site, page)) == ("type_not_allowed", False)


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "a.png",
        "[]",
        '{"file_name":"a.png"}',
        '{"object_key":"1/x.png"}',
        '{"file_name":5,"object_key":"1/x.png"}',
        '{"file_name":"\\ud83c","object_key":"1/x.png"}',
        '{"file_name":"","object_key":"1/x.png"}',
        '{"file_name":"' + "x" * 5000 + '","object_key":"1/x.png"}',
    ],
)
async def test_a_file_frame_without_name_and_key_is_malformed(pair: tuple[Tab, Tab], payload: str) -> None:
    assert await refused_file(pair[0], payload) == ("malformed", False)


# ---------------------------------------------------------------- event 6: beats
@pytest.mark.parametrize("payload", ["", "x" * 32, "\u00e4" * 16])
async def test_a_beat_comes_back_to_its_socket_only(pair: tuple[Tab, Tab], payload: str) -> None:
    anna, ben = pair
    await anna.send(BEAT, payload)
    frame = await anna.read()
    assert (frame["event"], frame["payload"], frame["user_id"]) == (BEAT, payload, anna.person.id)
    assert await ben.read_all() == []


async def test_a_beat_of_over_32_bytes_is_refused(pair: tuple[Tab, Tab]) -> None:
    await pair[0].send(BEAT, "x" * 33)
    assert (await pair[0].error())["code"] == "malformed"
