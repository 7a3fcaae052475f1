"""The match service over real sockets: what the contract says of `GET /api/match`."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from randomchat.config import LimitSettings, MatchSettings, Settings
from randomchat.errors import NotFound, Unauthorized, Unavailable
from randomchat.ids import ChannelId, NodeId, UserId
from randomchat.infra.mailbox_memory import MemoryBroker, MemoryMailbox
from randomchat.infra.node_memory import MemoryNodeLeases
from randomchat.interfaces.user import Account
from randomchat.match.app import MatchApp, MatchPorts
from randomchat.match.posts import Beat, PostOffice
from randomchat.match.queue_memory import MemoryTicketQueue
from randomchat.match.recent_memory import MemoryRecentPartners
from randomchat.match.results_memory import MemoryResultStore
from tests.component.edge_server import edge
from tests.http_client import Answer, send
from tests.simulated_time import LoopClock
from tests.unit.match.crowd import ChannelStore, until

PATIENCE_S = 5.0
SETTINGS = Settings(match=MatchSettings(waiting_every_s=0.1), limits=LimitSettings(sockets_per_user=3))


class Sessions:
    """`UserApi` in which the session `7` belongs to user 7, unless it is revoked, or the account is gone.

    `away`: it refuses every call; `silent`: it answers none.
    """

    def __init__(self) -> None:
        self.away = self.silent = False
        self.asked = 0
        self.revoked: set[str] = set()
        self.gone: set[str] = set()

    async def authenticate(self, session_token: str) -> Account:
        self.asked += 1
        if self.silent:
            await asyncio.Event().wait()
        if self.away:
            raise Unavailable
        if not session_token or session_token in self.revoked:
            raise Unauthorized
        if session_token in self.gone:
            raise NotFound
        return Account(UserId(int(session_token)), "somebody", "")


class MatchSite:
    """A match node that is served; the services that it needs are stand-ins."""

    def __init__(self) -> None:
        clock = LoopClock()
        self.broker, self.leases = MemoryBroker(), MemoryNodeLeases(clock)
        self.users = Sessions()
        self.chat = ChannelStore(Random(1))
        self.registry = CollectorRegistry()
        self.app = MatchApp(
            NodeId("node"),
            MatchPorts(
                self.users,
                self.chat,
                MemoryTicketQueue(clock, SETTINGS.match.widening),
                MemoryResultStore(clock, SETTINGS.match.result_ttl_s),
                MemoryRecentPartners(clock, count=10, hours=24),
                self.leases,
                MemoryMailbox(self.broker),
                clock,
            ),
            SETTINGS,
            self.registry,
        )
        self.port = 0

    @contextlib.asynccontextmanager
    async def tab(self, user: int | str, query: str = "", path: str = "/api/match") -> AsyncIterator[ClientConnection]:
        """A socket of a person; the connection is cut at the end, if it is still there."""
        cookie = {"Cookie": f"sid={user}"} if user else {}
        async with asyncio.timeout(3 * PATIENCE_S):
            socket = await connect(f"ws://localhost:{self.port}{path}{query}", additional_headers=cookie, compression=None)
        try:
            yield socket
        finally:
            socket.transport.abort()

    async def refusal(self, user: int | str, query: str = "", path: str = "/api/match") -> tuple[int, str]:
        """Status and code with which an upgrade is refused."""
        with pytest.raises(InvalidStatus) as refused:
            async with self.tab(user, query, path):
                pass
        response = refused.value.response
        return response.status_code, json.loads(response.body)["code"]

    async def get(self, path: str) -> Answer:
        return await send(f"http://localhost:{self.port}", "GET", path)


@pytest.fixture
async def site() -> AsyncIterator[MatchSite]:
    site = MatchSite()
    await site.app.start()
    async with edge(site.app) as (port, _):
        site.port = port
        yield site
        await site.app.drain()
        await site.app.stop()


async def next_frame(tab: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        frame = json.loads(await tab.recv())
    assert isinstance(frame, dict)
    return frame


async def result_of(tab: ClientConnection) -> dict[str, Any]:
    """The frame that tells of a match, after which the socket is closed in good order."""
    frame = await next_frame(tab)
    while frame["status"] == "waiting":
        frame = await next_frame(tab)
    assert await close_code_of(tab) == 1000
    return frame


async def close_code_of(tab: ClientConnection) -> int | None:
    async with asyncio.timeout(PATIENCE_S):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await tab.recv()
    return tab.close_code


async def waits_on(tab: ClientConnection, frames: int = 4) -> bool:
    """Whether the next frames all say: still waiting."""
    return all([(await next_frame(tab))["status"] == "waiting" for _ in range(frames)])


async def matched(site: MatchSite, one: int, other: int) -> tuple[dict[str, Any], dict[str, Any]]:
    async with site.tab(one) as first, site.tab(other) as second:
        return await result_of(first), await result_of(second)


# ---------------------------------------------------------------- who may come in
async def test_without_a_cookie_the_upgrade_is_refused(site: MatchSite) -> None:
    assert await site.refusal("") == (401, "unauthorized")


async def test_a_revoked_session_is_refused(site: MatchSite) -> None:
    site.users.revoked.add("1")
    assert await site.refusal(1) == (401, "unauthorized")


async def test_a_session_without_account_is_refused(site: MatchSite) -> None:
    site.users.gone.add("1")
    assert await site.refusal(1) == (404, "not_found")


async def test_where_accounts_are_away_the_upgrade_may_be_tried_again(site: MatchSite) -> None:
    site.users.away = True
    assert await site.refusal(1) == (503, "unavailable")


async def test_a_node_whose_clock_is_not_that_of_the_others_takes_nobody(site: MatchSite) -> None:
    other = NodeId("other")
    await site.leases.renew(other)
    PostOffice(MemoryMailbox(site.broker), other, LoopClock(skew_s=60)).send(site.app.node.id, Beat())
    await until(lambda: site.app.node.trouble() is not None, within_s=PATIENCE_S)
    assert await site.refusal(1) == (503, "unavailable")


@pytest.mark.parametrize("query", ["?lang=1", "?lang=en&lang=de", "?interests=" + "x" * 31, "?interests=1,2,3,4,5,6,7,8,9,10,11"])
async def test_a_malformed_wish_is_refused(site: MatchSite, query: str) -> None:
    assert await site.refusal(1, query) == (400, "bad_request")


async def test_a_plain_request_is_told_to_upgrade(site: MatchSite) -> None:
    answer = await site.get("/api/match?interests=music")
    assert (answer.status, answer.json()["code"]) == (400, "upgrade_required")


async def test_other_paths_are_unknown(site: MatchSite) -> None:
    assert await site.refusal(1, path="/api/match/more") == (404, "not_found")
    assert (await site.get("/api/match/more")).status == 404


# ---------------------------------------------------------------- waiting
async def test_waiting_frames_come_at_once_and_again(site: MatchSite) -> None:
    async with site.tab(1) as tab:
        first, second = await next_frame(tab), await next_frame(tab)
    assert first == {"access_token": "", "channel_id": "", "status": "waiting", "waited_ms": first["waited_ms"]}
    assert 0 <= first["waited_ms"] < 100 <= second["waited_ms"] + 5


async def test_the_wait_goes_on_over_a_reconnect_and_in_a_second_tab(site: MatchSite) -> None:
    async with site.tab(1) as tab:
        while (await next_frame(tab))["waited_ms"] < 300:
            pass
    async with site.tab(1) as tab, site.tab(1) as second:
        assert (await next_frame(tab))["waited_ms"] >= 300
        assert (await next_frame(second))["waited_ms"] >= 300


async def test_what_a_client_sends_is_ignored(site: MatchSite) -> None:
    async with site.tab(1) as tab:
        await tab.send("hello")
        await tab.send(b"\x00")
        assert await waits_on(tab)


async def test_a_client_that_sends_without_end_is_cut_off(site: MatchSite) -> None:
    async with site.tab(1) as tab:
        for _ in range(25):
            await tab.send("hello")
        assert await close_code_of(tab) == 4508


async def test_a_revoked_session_ends_the_wait(site: MatchSite) -> None:
    async with site.tab(1) as tab:
        await next_frame(tab)
        site.users.revoked.add("1")
        assert await close_code_of(tab) == 4501


async def test_whoever_has_signed_out_is_paired_with_nobody(site: MatchSite) -> None:
    async with site.tab(1) as tab:
        await next_frame(tab)
        site.users.revoked.add("1")
        async with site.tab(2) as other:
            assert await close_code_of(tab) == 4501
            assert await waits_on(other)
    assert site.chat.channels == {}, "nobody is led to somebody who is gone"


async def test_whoever_signs_out_while_the_channel_is_made_is_given_no_result(site: MatchSite) -> None:
    site.chat.takes_s = 1.0
    async with site.tab(1) as tab, site.tab(2):
        await until(lambda: site.chat.asked > 0)
        site.users.revoked.add("1")
        assert await close_code_of(tab) == 4501


async def test_the_wait_outlives_an_outage_of_the_accounts(site: MatchSite) -> None:
    async with site.tab(1) as tab:
        await next_frame(tab)
        site.users.away = True
        assert await waits_on(tab)


async def test_accounts_that_never_answer_hold_no_match_up(site: MatchSite) -> None:
    async with site.tab(1) as one, site.tab(2, "?interests=art") as other:
        site.users.silent = True
        assert (await result_of(one))["channel_id"] == (await result_of(other))["channel_id"]


async def test_a_tab_that_waits_asks_seldom_for_its_session(site: MatchSite) -> None:
    async with site.tab(1) as tab:
        assert await waits_on(tab, 10)
        assert site.users.asked <= 4


async def test_one_tab_too_many_closes_the_oldest(site: MatchSite) -> None:
    async with site.tab(1) as first, site.tab(1) as second, site.tab(1), site.tab(1) as last:
        assert await close_code_of(first) == 4509
        assert await waits_on(second)
        assert await waits_on(last)


async def test_a_node_that_goes_away_sends_all_to_another(site: MatchSite) -> None:
    async with site.tab(1) as tab:
        await next_frame(tab)
        await site.app.drain()
        assert await close_code_of(tab) == 1012
    assert await site.refusal(1) == (503, "overloaded")


# ---------------------------------------------------------------- the match
async def test_two_people_get_one_channel_and_a_token_each(site: MatchSite) -> None:
    async with site.tab(1, "?interests=Music,art&lang=de-CH") as one, site.tab(2, "?interests=music&lang=de") as other:
        first = await result_of(one)
        second = await result_of(other)
    channel_id = first["channel_id"]
    assert first == {
        "access_token": f"token of 1 for {channel_id}",
        "channel_id": channel_id,
        "status": "matched",
        "common_interests": ["music"],
    }
    assert second == {**first, "access_token": f"token of 2 for {channel_id}"}
    assert channel_id.isdigit()


async def test_two_tabs_of_one_person_are_not_matched_and_both_get_the_result(site: MatchSite) -> None:
    async with site.tab(1) as first, site.tab(1) as second:
        assert await waits_on(first)
        assert await waits_on(second)
        async with site.tab(2) as partner:
            channels = {(await result_of(tab))["channel_id"] for tab in (first, second, partner)}
    assert len(channels) == 1


async def test_a_killed_client_is_never_matched(site: MatchSite) -> None:
    async with site.tab(1) as ghost:
        await next_frame(ghost)
    async with site.tab(2) as living:
        assert await waits_on(living)
        async with site.tab(3) as partner:
            assert (await result_of(living))["channel_id"] == (await result_of(partner))["channel_id"]
    assert [{seat.user_id for seat in pair} for pair in site.chat.channels.values()] == [{2, 3}]


async def test_a_result_is_given_again_until_its_owner_has_joined_the_chat(site: MatchSite) -> None:
    result, _ = await matched(site, 1, 2)
    async with site.tab(1) as again:
        assert await result_of(again) == result
    site.chat.joined.add((ChannelId(int(result["channel_id"])), UserId(1)))
    async with site.tab(1) as tab:
        assert await waits_on(tab)


async def test_the_result_of_a_closed_channel_is_not_given_again(site: MatchSite) -> None:
    result, _ = await matched(site, 1, 2)
    site.chat.closed.add(ChannelId(int(result["channel_id"])))
    async with site.tab(1) as tab:
        assert await waits_on(tab)


async def test_asking_while_in_an_open_channel_is_a_new_search_for_someone_else(site: MatchSite) -> None:
    result, _ = await matched(site, 1, 2)
    site.chat.joined |= {(ChannelId(int(result["channel_id"])), user) for user in (UserId(1), UserId(2))}
    async with site.tab(1) as one, site.tab(2) as other:
        assert await waits_on(one), "the last partner is not met again so soon"
        assert await waits_on(other)
        async with site.tab(3) as stranger:
            new = await result_of(stranger)
            assert await result_of(one) == {**new, "access_token": f"token of 1 for {new['channel_id']}"}
    assert new["channel_id"] != result["channel_id"]


async def test_a_partner_who_left_at_once_sends_the_other_back_to_the_search(site: MatchSite) -> None:
    site.chat.closed.add(ChannelId(1))  # the first channel that will be made
    async with site.tab(1) as one, site.tab(2) as other:
        assert await waits_on(one)
        assert await waits_on(other)
        async with site.tab(3) as third:
            assert (await result_of(third))["channel_id"] == "2"


async def test_matches_are_counted(site: MatchSite) -> None:
    await matched(site, 1, 2)
    assert site.registry.get_sample_value("randomchat_match_matches_total") == 1
    assert site.registry.get_sample_value("randomchat_match_tickets_waiting") == 0
