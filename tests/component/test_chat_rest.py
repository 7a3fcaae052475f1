"""The chat service's REST routes against the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from randomchat.chat.domain import Event
from randomchat.chat.tokens import ChannelTokens
from randomchat.config import ChatSettings, HistorySettings, LimitSettings
from randomchat.ids import ChannelId, UserId
from tests.component.chat_server import ChatSite, Person, chat_site, code_of

ROUTES = [
    ("GET", "/api/chat/users"),
    ("GET", "/api/chat/users/online"),
    ("GET", "/api/chat/channel/messages"),
    ("DELETE", "/api/chat/channel"),
    ("POST", "/api/chat/token"),
    ("GET", "/api/chat/forwardauth"),
]
MESSAGES = "/api/chat/channel/messages"


async def close(site: ChatSite, person: Person) -> int:
    return (await site.ask("DELETE", "/api/chat/channel", person.token)).status


# ---------------------------------------------------------------- credentials
async def refused_everywhere(site: ChatSite, token: str | None) -> bool:
    """Whether every route answers 401."""
    return all([code_of(await site.ask(method, path, token)) == (401, "unauthorized") for method, path in ROUTES])


@pytest.mark.parametrize("token", [None, "", "nonsense", "a.b.c", "x" * 7000])
async def test_without_a_good_token_nothing_is_told(site: ChatSite, token: str | None) -> None:
    assert await refused_everywhere(site, token)


@pytest.mark.parametrize("scheme", ["Basic", "Token", ""])
async def test_another_scheme_than_bearer_is_401(site: ChatSite, scheme: str) -> None:
    answer = await site.ask("GET", MESSAGES, None, headers={"Authorization": f"{scheme} {site.anna.token}".strip()})
    assert code_of(answer) == (401, "unauthorized")


async def test_a_token_of_an_unknown_channel_is_401(site: ChatSite) -> None:
    token = ChannelTokens([b"k" * 32], 60, site.nodes[0].clock).issue(ChannelId(12345), UserId(int(site.anna.id)))
    assert await refused_everywhere(site, token)


async def test_a_token_of_somebody_who_is_no_member_is_401(site: ChatSite) -> None:
    token = ChannelTokens([b"k" * 32], 60, site.nodes[0].clock).issue(site.channel_id, UserId(12345))
    assert await refused_everywhere(site, token)


async def test_the_token_of_a_closed_channel_is_401_everywhere_for_the_other(site: ChatSite) -> None:
    await close(site, site.anna)
    assert await refused_everywhere(site, site.ben.token)


async def test_the_token_of_a_closed_channel_is_401_for_who_closed_it_but_for_closing_again(site: ChatSite) -> None:
    await close(site, site.anna)
    answers = {(method, path): (await site.ask(method, path, site.anna.token)).status for method, path in ROUTES}
    assert answers.pop(("DELETE", "/api/chat/channel")) == 204
    assert set(answers.values()) == {401}


async def test_a_fresh_token_is_for_the_same_member_and_channel(site: ChatSite) -> None:
    answer = await site.ask("POST", "/api/chat/token", site.anna.token)
    assert answer.status == 200
    assert answer.json().keys() == {"access_token"}
    fresh = Person(site.anna.id, answer.json()["access_token"])
    assert (await site.ask("GET", "/api/chat/forwardauth", fresh.token)).headers["X-Channel-Id"] == str(site.channel_id)
    await site.enter(fresh)
    assert await site.refusal(Person(site.ben.id, fresh.token)) == (403, "forbidden")


# ---------------------------------------------------------------- members
async def test_the_members_are_both(site: ChatSite) -> None:
    assert await site.get("/api/chat/users", site.ben) == {"user_ids": [site.anna.id, site.ben.id]}


async def test_nobody_is_online_at_first(site: ChatSite) -> None:
    assert await site.get("/api/chat/users/online", site.ben) == {"user_ids": []}


async def test_who_has_a_live_socket_is_online(site: ChatSite) -> None:
    await site.enter(site.anna)
    assert await site.online() == [site.anna.id]
    await site.enter(site.ben)
    assert await site.online() == [site.anna.id, site.ben.id]


async def test_online_members_are_known_where_routes_are_away_and_sockets_are_here(site: ChatSite) -> None:
    await site.enter(site.anna)
    site.routes.away = True
    assert await site.online(site.ben) == [site.anna.id]


async def test_without_routes_and_sockets_who_is_online_is_503(site: ChatSite) -> None:
    site.routes.away = True
    answer = await site.ask("GET", "/api/chat/users/online", site.anna.token)
    assert code_of(answer) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) >= 1


# ---------------------------------------------------------------- history
async def test_an_empty_history_is_an_empty_list(site: ChatSite) -> None:
    assert await site.get(MESSAGES, site.anna) == {"next_ps": "", "messages": []}


async def test_history_holds_whole_frames_newest_first(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    first, second = await anna.say("one", "c-1"), await ben.say("two", "c-2")
    del first["ack"], second["ack"]
    assert await site.history() == [second, first]
    assert first == {
        "message_id": first["message_id"],
        "event": 0,
        "user_id": site.anna.id,
        "payload": "one",
        "seen": False,
        "time": int(first["message_id"]) >> 21,
        "client_id": "c-1",
    }


async def test_history_of_old_clients_messages_has_no_client_id(site: ChatSite) -> None:
    anna = await site.enter(site.anna)
    await anna.send(Event.TEXT, "old")
    await anna.next_frame(Event.TEXT)
    assert "client_id" not in (await site.history())[0]


async def test_seen_in_history_is_at_or_below_the_other_members_watermark(site: ChatSite) -> None:
    anna, ben = await site.enter(site.anna), await site.enter(site.ben)
    await ben.say("ben's own", "b-1")
    ids = [(await anna.say(f"{number}", f"a-{number}"))["message_id"] for number in range(3)]
    await ben.send(Event.SEEN, ids[1])
    await anna.next_frame(Event.SEEN, ids[1])
    await site.nodes[0].app.drain()  # which writes the watermark
    assert [frame["seen"] for frame in await site.history()] == [False, True, True, False]


async def test_pages_follow_each_other_without_gap_or_overlap(site: ChatSite) -> None:
    ids = [str(message_id) for message_id in await site.store_messages(25)]
    found: list[str] = []
    ps = ""
    while True:
        page = await site.get(f"{MESSAGES}?limit=10&ps={ps}", site.ben)
        found += [frame["message_id"] for frame in page["messages"]]
        ps = page["next_ps"]
        if not ps:
            break
    assert found == ids[::-1]


@pytest.mark.parametrize("count", [10, 20])
async def test_a_last_page_that_is_just_full_says_that_it_is_the_last(site: ChatSite, count: int) -> None:
    await site.store_messages(count)
    page = await site.get(f"{MESSAGES}?limit=10", site.ben)
    while page["next_ps"]:
        page = await site.get(f"{MESSAGES}?limit=10&ps={page['next_ps']}", site.ben)
        assert page["messages"]


async def test_without_a_limit_a_page_holds_5200(site: ChatSite) -> None:
    await site.store_messages(5203)
    page = await site.get(MESSAGES, site.ben)
    assert len(page["messages"]) == 5200
    assert page["next_ps"] == page["messages"][-1]["message_id"]
    assert len((await site.get(f"{MESSAGES}?limit=5000", site.ben))["messages"]) == 5000


@pytest.mark.parametrize("limit", ["0", "-1", "5001", "many", "", "1.5", "99999999999999999999"])
async def test_a_limit_out_of_bounds_is_400(site: ChatSite, limit: str) -> None:
    assert code_of(await site.ask("GET", f"{MESSAGES}?limit={limit}", site.anna.token)) == (400, "bad_request")


@pytest.mark.parametrize("ps", ["x", "-5", "0", "1.0", "9" * 19, "9" * 40, "%00", "%F0%9F%8D%95", "01", "1%202", "%2B5"])
async def test_a_garbage_ps_is_400(site: ChatSite, ps: str) -> None:
    assert code_of(await site.ask("GET", f"{MESSAGES}?ps={ps}", site.anna.token)) == (400, "bad_request")


async def test_a_ps_before_the_first_message_is_the_end(site: ChatSite) -> None:
    await site.store_messages(2)
    assert await site.get(f"{MESSAGES}?ps=1", site.anna) == {"next_ps": "", "messages": []}


async def test_history_without_a_store_is_503_and_may_be_asked_again(site: ChatSite) -> None:
    site.store.away.add("list_messages")
    answer = await site.ask("GET", MESSAGES, site.anna.token)
    assert (answer.status, answer.json()["code"], answer.json()["retryable"]) == (503, "unavailable", True)
    assert int(answer.headers["Retry-After"]) >= 1


TWO_PAGES = ChatSettings(history=HistorySettings(burst=2, per_second=0.001))


async def test_history_read_without_end_is_429_for_that_member_of_that_channel(tmp_path: Path) -> None:
    async with chat_site(tmp_path, chat=TWO_PAGES) as site:
        for _ in range(2):
            await site.get(MESSAGES, site.anna)
        answer = await site.ask("GET", MESSAGES, site.anna.token)
        assert code_of(answer) == (429, "rate_limited")
        assert int(answer.headers["Retry-After"]) > 900
        await site.get(MESSAGES, site.ben)
        _, other, _ = await site.make_channel()
        await site.get(MESSAGES, other)


async def test_without_limits_history_may_be_read_without_end(tmp_path: Path) -> None:
    async with chat_site(tmp_path, chat=TWO_PAGES, limits=LimitSettings(enabled=False)) as site:
        for _ in range(3):
            await site.get(MESSAGES, site.anna)


async def test_a_message_stored_twice_is_once_in_history_under_its_smallest_id(site: ChatSite) -> None:
    anna = await site.enter(site.anna)
    site.store.mute = True
    await anna.send(Event.TEXT, "hello", client_id="c-1")
    await anna.next_frame(Event.ERROR, client_id="c-1")
    site.store.mute = False
    again = await anna.say("hello", "c-1")  # without `retry`: the store is not asked, and takes it once more
    history = await site.history()
    assert [frame["client_id"] for frame in history] == ["c-1"]
    assert int(history[0]["message_id"]) < int(again["message_id"])


# ---------------------------------------------------------------- closing
async def test_closing_is_204_and_by_the_same_member_again_too(site: ChatSite) -> None:
    for _ in range(2):
        answer = await site.ask("DELETE", f"/api/chat/channel?delby={site.anna.id}", site.anna.token)
        assert (answer.status, answer.body) == (204, b"")


async def test_closing_by_the_other_member_afterwards_is_401(site: ChatSite) -> None:
    assert await close(site, site.anna) == 204
    assert await close(site, site.ben) == 401


@pytest.mark.parametrize("delby", ["", "0", "nonsense", "%00", "12345"])
async def test_a_delby_that_is_not_the_caller_is_403_and_closes_nothing(site: ChatSite, delby: str) -> None:
    assert code_of(await site.ask("DELETE", f"/api/chat/channel?delby={delby}", site.anna.token)) == (403, "forbidden")
    assert code_of(await site.ask("DELETE", f"/api/chat/channel?delby={site.ben.id}", site.anna.token)) == (403, "forbidden")
    await site.get("/api/chat/users", site.anna)


async def test_a_closure_that_could_not_be_made_durable_is_503_and_nobody_is_told(site: ChatSite) -> None:
    ben = await site.enter(site.ben)
    site.store.away.add("close_channel")
    answer = await site.ask("DELETE", "/api/chat/channel", site.anna.token)
    assert code_of(answer) == (503, "unavailable")
    assert answer.headers["Retry-After"]
    assert await ben.read_all() == []


# ---------------------------------------------------------------- forward authentication
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "PURGE"])
async def test_forward_auth_tells_the_channel_by_any_method(site: ChatSite, method: str) -> None:
    answer = await site.ask(method, "/api/chat/forwardauth", site.anna.token)
    assert (answer.status, answer.headers["X-Channel-Id"]) == (200, str(site.channel_id))
    assert (await site.ask(method, "/api/chat/forwardauth", "nonsense")).status == 401


# ---------------------------------------------------------------- errors
@pytest.mark.parametrize("path", ["/api/chat/nothing", "/api/chat/", "/api/chat/users/", "/api/chat/channel/messages/1"])
async def test_an_unknown_route_is_404_with_a_body(site: ChatSite, path: str) -> None:
    assert code_of(await site.ask("GET", path, site.anna.token)) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("POST", "/api/chat/users", "GET"), ("GET", "/api/chat/token", "POST"), ("PUT", "/api/chat/channel", "DELETE")],
)
async def test_a_wrong_method_is_405_and_names_the_right_ones(site: ChatSite, method: str, path: str, allowed: str) -> None:
    answer = await site.ask(method, path, site.anna.token)
    assert code_of(answer) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == allowed


async def test_the_socket_without_an_upgrade_is_told_to_upgrade(site: ChatSite) -> None:
    assert code_of(await site.ask("GET", "/api/chat", site.anna.token)) == (400, "upgrade_required")


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/api/chat/channel"), ("POST", "/api/chat/token")])
@pytest.mark.parametrize("header", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_a_change_of_state_from_another_site_is_403(site: ChatSite, method: str, path: str, header: dict[str, str]) -> None:
    assert code_of(await site.ask(method, path, site.anna.token, headers=header)) == (403, "origin_not_allowed")


async def test_reading_is_not_bound_to_an_origin(site: ChatSite) -> None:
    answer = await site.ask("GET", "/api/chat/users", site.anna.token, headers={"Origin": "https://evil.example"})
    assert answer.status == 200


async def test_the_size_of_a_page_is_a_setting(tmp_path: Path) -> None:
    async with chat_site(tmp_path, chat=ChatSettings(page=3)) as site:
        await site.store_messages(5)
        assert len(await site.history()) == 3
