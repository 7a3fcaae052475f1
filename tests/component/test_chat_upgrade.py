"""Who gets a chat socket, and how the others are refused."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest

from randomchat.chat.domain import Event
from randomchat.config import ChatSettings, TokenSettings
from randomchat.ids import UserId
from tests.component.chat_server import KEYS, ChatSite, Person, Tab, chat_site
from tests.component.edge_server import connected, exchange, upgrade

V1 = "randomchat.v1"


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def claims_of(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


def forged(token: str, *, key: bytes = KEYS[0], kid: Any = ..., algorithm: str = "HS256", **changes: Any) -> str:
    """A token like this one, but for what is changed; None leaves a claim out."""
    claims = {name: value for name, value in {**claims_of(token), **changes}.items() if value is not None}
    headers = {"kid": kid_of(token) if kid is ... else kid}
    return jwt.encode(claims, key, algorithm, headers={name: value for name, value in headers.items() if value is not None})


def unsigned(token: str) -> str:
    _, claims, _ = token.split(".")
    plain = json.dumps({"alg": "none", "typ": "JWT", "kid": kid_of(token)}).encode()
    return f"{base64.urlsafe_b64encode(plain).rstrip(b'=').decode()}.{claims}."


FORGERIES: dict[str, Callable[[str], str]] = {
    "unsigned": unsigned,
    "signed with another key": lambda token: forged(token, key=b"x" * 32),
    "signed with an unknown key's name": lambda token: forged(token, kid="0" * 8),
    "signed without a key's name": lambda token: forged(token, kid=None),
    "signed by another algorithm": lambda token: forged(token, key=b"k" * 64, algorithm="HS512"),
    "without a signature": lambda token: token.rpartition(".")[0] + ".",
    "with a changed signature": lambda token: token[:-6] + ("AAAAAA" if token[-6:] != "AAAAAA" else "BBBBBB"),
    "with a key's name that is no text": lambda token: forge_header(token, {"alg": "HS256", "kid": {"a": 1}}),
    "with a header that is a list": lambda token: forge_header(token, []),
    "of nobody": lambda token: forged(token, sub=None),
    "of a person without a number": lambda token: forged(token, sub="anna"),
    "of no channel": lambda token: forged(token, channel=None),
    "of a channel that is no text": lambda token: forged(token, channel=5),
    "without an end": lambda token: forged(token, exp=None),
    "with an end that is no number": lambda token: forged(token, exp="tomorrow"),
    "without a beginning": lambda token: forged(token, iat=None),
    "expired": lambda token: forged(token, exp=int(time.time()) - 1),
    "cut in two": lambda token: token[: len(token) // 2],
    "of other characters": lambda token: "\u00e9" + token[1:],
    "huge": lambda token: forged(token, key=b"x" * 32, padding="x" * 5000),
    "empty": lambda _: "",
    "four parts": lambda token: token + ".x",
    "deeply nested": lambda token: ".".join(["W1tb" * 700, *token.split(".")[1:]]),
}


def forge_header(token: str, header: Any) -> str:
    encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return ".".join([encoded, *token.split(".")[1:]])


# ---------------------------------------------------------------- in HTTP, before the upgrade
@pytest.mark.parametrize("kind", FORGERIES)
async def test_a_forged_token_is_401(site: ChatSite, kind: str) -> None:
    token = FORGERIES[kind](site.anna.token)
    assert await site.refusal(Person(site.anna.id, token)) == (401, "unauthorized")
    if token.isascii():
        assert (await site.ask("GET", "/api/chat/users", token)).status == 401


async def test_a_missing_token_is_401(site: ChatSite) -> None:
    assert await site.refusal(site.anna, query={"uid": site.anna.id}) == (401, "unauthorized")


async def test_the_token_of_the_other_member_is_worth_nothing(site: ChatSite) -> None:
    assert await site.refusal(Person(site.anna.id, site.ben.token)) == (403, "forbidden")


@pytest.mark.parametrize("uid", ["", "0", "-1", "01", "1.0", "anna", "9" * 19, "9" * 30, "1 2", "\u0661", "\0"])
async def test_a_malformed_uid_is_400(site: ChatSite, uid: str) -> None:
    assert await site.refusal(Person(uid, site.anna.token)) == (400, "bad_request")


async def test_a_missing_uid_is_400(site: ChatSite) -> None:
    assert await site.refusal(site.anna, query={"access_token": site.anna.token}) == (400, "bad_request")


async def test_a_strangers_uid_is_403(site: ChatSite) -> None:
    assert await site.refusal(Person("12345", site.anna.token)) == (403, "forbidden")


@pytest.mark.parametrize(
    "after",
    ["", "00", "-1", "x", "9" * 19, "9" * 30, "1.5", "0x10", "\U0001f355"],
)
async def test_a_malformed_after_is_400(site: ChatSite, after: str) -> None:
    assert await site.refusal(site.anna, after=after) == (400, "bad_request")


async def test_the_token_of_a_closed_channel_is_401(site: ChatSite) -> None:
    await site.ask("DELETE", "/api/chat/channel", site.anna.token)
    assert await site.refusal(site.anna) == (401, "unauthorized")
    assert await site.refusal(site.ben) == (401, "unauthorized")


async def test_a_store_that_is_away_is_503(site: ChatSite) -> None:
    site.store.away.add("get_channel")
    assert await site.refusal(site.anna) == (503, "unavailable")


async def test_a_node_that_goes_away_takes_no_socket(site: ChatSite) -> None:
    await site.nodes[0].app.drain()
    assert await site.refusal(site.anna) == (503, "overloaded")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example"])
async def test_an_upgrade_from_another_site_is_403(site: ChatSite, origin: str) -> None:
    assert await site.refusal(site.anna, origin=origin) == (403, "origin_not_allowed")


async def test_an_upgrade_from_the_own_page_is_let_in(site: ChatSite) -> None:
    await site.connect(site.anna, origin=f"http://localhost:{site.nodes[0].port}")


async def test_an_unknown_path_is_404(site: ChatSite) -> None:
    answer = await exchange(site.nodes[0].port, upgrade("/api/chat/nothing"))
    assert (answer.status, answer.error) == (404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/api/chat?uid=%zz&access_token=%zz",
        "/api/chat?uid=%FF%FE&access_token=%FF",
        "/api/chat?&&&===",
        "/api/chat?" + "&".join(f"p{number}=1" for number in range(900)),
        "/api/chat?uid=" + "1" * 7000,
    ],
)
async def test_no_upgrade_is_left_hanging_however_malformed(site: ChatSite, path: str) -> None:
    answer = await exchange(site.nodes[0].port, upgrade(path))
    assert (answer.status, answer.error) == (400, "bad_request")


async def test_an_upgrade_with_an_overlong_address_is_answered(site: ChatSite) -> None:
    answer = await exchange(site.nodes[0].port, upgrade("/api/chat?access_token=" + "x" * 20_000))
    assert answer.status == 414
    assert answer.error == "uri_too_long"


async def test_a_refused_upgrade_leaves_nothing_behind(site: ChatSite) -> None:
    await site.refusal(Person(site.anna.id, "nonsense"))
    assert await site.online() == []


async def test_a_client_that_goes_before_the_answer_leaves_nothing_behind(site: ChatSite) -> None:
    ben = await site.enter(site.ben)
    async with connected(site.nodes[0].port) as client:
        client.send(upgrade(f"/api/chat?uid={site.anna.id}&access_token={site.anna.token}"))
    await ben.next_frame(Event.ACTION, "reconnecting", user_id=site.anna.id)
    assert await site.online() == [site.ben.id]


# ---------------------------------------------------------------- with the subprotocol
async def closed_with(site: ChatSite, protocols: list[str], **more: Any) -> int | None:
    """The code with which an accepted socket is refused."""
    tab = await site.connect(site.anna, protocols=protocols, query={}, **more)
    assert tab.socket.subprotocol == V1
    return await tab.closed()


async def test_the_subprotocol_carries_the_token_and_needs_no_uid(site: ChatSite) -> None:
    tab = await site.connect(site.anna, protocols=[V1, site.anna.token], query={})
    assert tab.socket.subprotocol == V1
    frame = await tab.read()
    assert (frame["event"], frame["payload"], frame["user_id"]) == (Event.ACTION, "waiting", site.anna.id)


async def test_the_token_may_stand_before_the_subprotocol(site: ChatSite) -> None:
    tab = await site.connect(site.anna, protocols=[site.anna.token, V1], query={})
    assert (await tab.read())["payload"] == "waiting"


async def test_with_the_subprotocol_the_token_may_still_be_in_the_query(site: ChatSite) -> None:
    tab = await site.connect(site.anna, protocols=[V1])
    assert (await tab.read())["payload"] == "waiting"


async def test_with_the_subprotocol_a_bad_token_is_4501(site: ChatSite) -> None:
    assert await closed_with(site, [V1, "nonsense"]) == 4501
    assert await closed_with(site, [V1]) == 4501
    assert await closed_with(site, [V1, unsigned(site.anna.token)]) == 4501


async def test_with_the_subprotocol_a_closed_channel_is_4501(site: ChatSite) -> None:
    await site.ask("DELETE", "/api/chat/channel", site.ben.token)
    assert await closed_with(site, [V1, site.anna.token]) == 4501


async def test_with_the_subprotocol_bad_input_is_a_code_that_says_do_not_reconnect(site: ChatSite) -> None:
    codes = [
        await closed_with(site, [V1, site.anna.token], after="x"),
        await closed_with(site, [V1, site.anna.token], uid="12345"),
    ]
    assert codes == [4500, 4500]


async def test_with_the_subprotocol_trouble_is_a_code_that_says_reconnect(site: ChatSite) -> None:
    site.store.away.add("get_channel")
    assert await closed_with(site, [V1, site.anna.token]) == 4012


async def test_another_subprotocol_is_not_chosen(site: ChatSite) -> None:
    answer = await exchange(
        site.nodes[0].port,
        upgrade(f"/api/chat?uid={site.anna.id}&access_token={site.anna.token}", "Sec-WebSocket-Protocol: graphql-ws"),
    )
    assert answer.status == 101
    assert "sec-websocket-protocol" not in answer.headers


# ---------------------------------------------------------------- the end of a token
async def test_a_live_socket_is_closed_with_4501_when_its_token_ends(tmp_path: Path) -> None:
    async with chat_site(tmp_path, chat=ChatSettings(token=TokenSettings(ttl_hours=1 / 3600))) as site:
        tab = await site.enter(site.anna)
        assert await tab.closed() == 4501
        assert time.time() * 1000 >= claims_of(site.anna.token)["exp"] * 1000 - 5
        assert await site.refusal(site.anna) == (401, "unauthorized")
        assert (await site.ask("GET", "/api/chat/users", site.anna.token)).status == 401


async def test_a_token_lives_24_hours_by_default(site: ChatSite) -> None:
    claims = claims_of(site.anna.token)
    assert claims["exp"] - claims["iat"] == 24 * 3600
    assert (claims["sub"], claims["channel"]) == (site.anna.id, str(site.channel_id))
    assert jwt.get_unverified_header(site.anna.token)["alg"] == "HS256"


async def test_whoever_signs_out_loses_sockets_and_tokens_of_all_channels(site: ChatSite) -> None:
    tabs: list[Tab] = [await site.enter(site.anna), await site.enter(site.anna)]
    ben = await site.enter(site.ben)
    await site.nodes[0].app.service.sign_out(UserId(int(site.anna.id)))
    assert [await tab.closed() for tab in tabs] == [4501, 4501]
    assert await site.refusal(site.anna) == (401, "unauthorized")
    assert (await site.ask("GET", "/api/chat/users", site.anna.token)).status == 401
    await ben.next_frame(Event.ACTION, "offline", user_id=site.anna.id)


async def test_with_the_subprotocol_a_node_that_goes_away_says_try_again_later(site: ChatSite) -> None:
    await site.nodes[0].app.drain()
    assert await closed_with(site, [V1, site.anna.token]) == 1013


async def test_of_several_values_of_a_key_the_first_one_counts(site: ChatSite) -> None:
    path = f"/api/chat?uid={site.anna.id}&uid={site.ben.id}&access_token={site.anna.token}&access_token=x"
    assert (await exchange(site.nodes[0].port, upgrade(path))).status == 101
    path = f"/api/chat?uid={site.ben.id}&uid={site.anna.id}&access_token={site.anna.token}"
    assert (await exchange(site.nodes[0].port, upgrade(path))).status == 403
