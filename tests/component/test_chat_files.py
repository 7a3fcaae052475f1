"""File frames: the bytes are fixed, and then it is a message as any other."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from randomchat.chat.domain import Event
from randomchat.clock import SystemClock
from randomchat.ids import ChannelId
from randomchat.infra.object_store import ObjectKey
from tests.component.chat_server import ChatSite, Tab, chat_site

PNG = b"\x89PNG\r\n\x1a\n"


async def stage(site: ChatSite, body: bytes = PNG, ext: str = "png", channel_id: ChannelId | None = None) -> str:
    key = ObjectKey.new(channel_id or site.channel_id, ext, SystemClock().wall_ms())
    await put(site, str(key), body)
    return str(key)


async def put(site: ChatSite, key: str, body: bytes) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield body

    parsed = ObjectKey.parse(key)
    assert parsed is not None
    await site.objects.stage(parsed, chunks(), max_bytes=1 << 20)


async def read(site: ChatSite, key: str) -> bytes:
    parsed = ObjectKey.parse(key)
    assert parsed is not None
    async with site.objects.open(parsed) as opened:
        return b"".join([piece async for piece in opened.read(0, opened.info.size)])


def payload(key: str, name: str = "photo.png") -> str:
    return json.dumps({"file_name": name, "object_key": key})


async def refused(tab: Tab, key: str, client_id: str = "f") -> str:
    await tab.send(Event.FILE, payload(key), client_id=client_id)
    error = await tab.error(client_id=client_id)
    assert not error["retryable"]
    assert error["retry_after_ms"] == 0
    return str(error["code"])


async def test_a_file_reaches_both_and_is_acknowledged_as_a_text_is(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    text = payload(await stage(site), "Foto ä.png")
    await anna.send(Event.FILE, text, client_id="f")
    mine = await anna.next_frame(Event.FILE, client_id="f", ack=True)
    theirs = await ben.next_frame(Event.FILE, client_id="f")
    assert mine.pop("ack") is True
    assert mine == theirs
    assert theirs["payload"] == text
    assert theirs["user_id"] == site.anna.id
    assert [frame["message_id"] for frame in await site.history(site.ben)] == [theirs["message_id"]]


async def test_files_and_texts_keep_their_order(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    await anna.send(Event.TEXT, "one", client_id="1")
    await anna.send(Event.FILE, payload(await stage(site)), client_id="2")
    await anna.send(Event.TEXT, "three", client_id="3")
    await ben.next_frame(Event.TEXT, client_id="3")
    assert [frame["client_id"] for frame in await site.history()] == ["3", "2", "1"]


async def test_a_later_put_changes_nothing_that_was_sent(site: ChatSite) -> None:
    anna = await site.enter(site.anna)
    key = await stage(site)
    await put(site, key, PNG + b"second thoughts")
    await anna.send(Event.FILE, payload(key), client_id="f")
    await anna.next_frame(Event.FILE, ack=True)
    await put(site, key, b"something else")
    assert await read(site, key) == PNG + b"second thoughts"
    await anna.send(Event.FILE, payload(key), client_id="again")
    await anna.next_frame(Event.FILE, client_id="again", ack=True)
    assert await read(site, key) == PNG + b"second thoughts"


async def test_a_file_that_is_sent_again_is_one_message(site: ChatSite) -> None:
    anna = await site.enter(site.anna)
    text = payload(await stage(site))
    await anna.send(Event.FILE, text, client_id="f")
    first = await anna.next_frame(Event.FILE, ack=True)
    await anna.send(Event.FILE, text, client_id="f", retry=True)
    assert (await anna.next_frame(Event.FILE, ack=True))["message_id"] == first["message_id"]
    assert len(await site.history()) == 1


async def test_a_file_comes_with_the_replay(site: ChatSite) -> None:
    anna = await site.enter(site.anna)
    await anna.send(Event.FILE, payload(await stage(site)), client_id="f")
    await anna.next_frame(Event.FILE, ack=True)
    ben = await site.connect(site.ben, after="0")
    replayed, _ = await ben.sync()
    assert [frame["event"] for frame in replayed if frame["event"] != Event.ACTION] == [Event.FILE]


async def test_another_channels_file_is_unknown_even_to_a_member_of_both(site: ChatSite) -> None:
    anna = await site.enter(site.anna)
    other, _, _ = await site.make_channel()
    key = await stage(site, channel_id=other)
    assert await refused(anna, key) == "unknown_file"
    foreign = ObjectKey.parse(key)
    assert foreign is not None
    assert not (await site.objects.stat(foreign)).promoted


async def test_a_file_that_was_not_uploaded_is_unknown(site: ChatSite) -> None:
    anna = await site.enter(site.anna)
    key = ObjectKey.new(site.channel_id, "png", SystemClock().wall_ms())
    tricks = ["", "x", f"{site.channel_id}/..", f"{site.channel_id}/../lock", f"/{key}", f"{key}\0", f"{key}.svg", "../x"]
    for number, text in enumerate([str(key), *tricks]):
        assert await refused(anna, text, client_id=str(number)) == "unknown_file", text
    assert await site.history() == []


@pytest.mark.parametrize("body", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\n<!DOCTYPE html>"])
async def test_markup_that_says_it_is_an_image_is_refused(site: ChatSite, body: bytes) -> None:
    anna = await site.enter(site.anna)
    assert await refused(anna, await stage(site, body)) == "type_not_allowed"


async def test_a_type_that_is_not_taken_is_refused_however_it_came_in(site: ChatSite) -> None:
    anna = await site.enter(site.anna)
    assert await refused(anna, await stage(site, b"<html>", "html")) == "type_not_allowed"


async def test_a_file_over_the_limit_is_refused_however_it_came_in(tmp_path: Path) -> None:
    async with chat_site(tmp_path, uploader={"max_bytes": 100}) as site:
        anna = await site.enter(site.anna)
        assert await refused(anna, await stage(site, bytes(101))) == "too_large"
        await anna.send(Event.FILE, payload(await stage(site, bytes(100))), client_id="fits")
        await anna.next_frame(Event.FILE, client_id="fits", ack=True)


@pytest.mark.parametrize("text", ["", "{}", "not json", '{"file_name": "", "object_key": "x"}', '{"file_name": "a"}', "x" * 5000])
async def test_a_payload_that_is_not_understood_is_malformed(site: ChatSite, text: str) -> None:
    anna = await site.enter(site.anna)
    await anna.send(Event.FILE, text, client_id="f")
    assert (await anna.error(client_id="f"))["code"] == "malformed"
    await anna.say("the socket stays", "t")


async def test_while_the_object_store_is_away_files_wait_and_what_follows_waits_with_them(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    text = payload(await stage(site))
    await anna.say("texts go on", "0")
    site.objects.away = True
    await anna.send(Event.FILE, text, client_id="1")
    error = await anna.error(client_id="1")
    assert (error["code"], error["retryable"]) == ("unavailable", True)
    await anna.send(Event.TEXT, "after it", client_id="2")
    assert (await anna.error(client_id="2"))["code"] == "resend_first"
    site.objects.away = False
    await anna.send(Event.FILE, text, client_id="1", retry=True)
    await anna.next_frame(Event.FILE, client_id="1", ack=True)
    await anna.say("after it", "2", retry=True)
    await ben.next_frame(Event.TEXT, client_id="2")
    assert [frame["client_id"] for frame in await site.history()] == ["2", "1", "0"]


async def test_a_file_that_is_refused_for_good_does_not_hold_up_what_follows(site: ChatSite) -> None:
    anna = await site.enter(site.anna)
    assert await refused(anna, "nonsense") == "unknown_file"
    await anna.say("goes on", "t")


async def test_files_count_as_messages(tmp_path: Path) -> None:
    async with chat_site(tmp_path, chat={"message": {"burst": 2, "per_second": 0.01}}) as site:
        anna = await site.enter(site.anna)
        text = payload(await stage(site))
        for number in range(2):
            await anna.send(Event.FILE, text, client_id=str(number))
            await anna.next_frame(Event.FILE, client_id=str(number), ack=True)
        await anna.send(Event.FILE, text, client_id="surplus")
        assert (await anna.error(client_id="surplus"))["code"] == "rate_limited"
