"""Credentials are good for one person, one purpose and one time; and what one conversation holds, nobody else gets."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from urllib.parse import urlencode

from randomchat.chat.domain import Event
from randomchat.config import ChatSettings, TokenSettings
from tests.component.edge_server import exchange, upgrade
from tests.e2e.stranger import Stranger
from tests.http_client import Answer, send
from tests.security.conftest import Product, StartProduct

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
ASKS_A_TOKEN = [
    ("GET", "/api/chat/users"),
    ("GET", "/api/chat/users/online"),
    ("GET", "/api/chat/channel/messages"),
    ("GET", "/api/chat/forwardauth"),
    ("POST", "/api/chat/forwardauth"),
    ("POST", "/api/chat/token"),
    ("GET", "/api/uploader/upload/presigned?ext=png"),
    ("GET", "/api/uploader/download/presigned?okb64=MS9h"),
    ("POST", "/api/uploader/upload/files"),
]
CLOSING = ("DELETE", "/api/chat/channel")
ASKS_A_COOKIE = [("GET", "/api/user/me"), ("GET", "/api/user?uid=1"), ("POST", "/api/user/logout")]


async def with_token(product: Product, method: str, path: str, token: str) -> Answer:
    return await send(product.address, method, path, [("Authorization", f"Bearer {token}")])


async def assert_worthless(product: Product, user_id: str, *tokens: str) -> None:
    """No route and no socket takes them."""
    for token in tokens:
        for method, path in [*ASKS_A_TOKEN, CLOSING]:
            answer = await with_token(product, method, path, token)
            assert (answer.status, answer.json()["code"]) == (401, "unauthorized"), (method, path)
        query = urlencode({"uid": user_id, "access_token": token})
        answer_ = await exchange(product.port, upgrade(f"/api/chat?{query}"))
        assert (answer_.status, answer_.error) == (401, "unauthorized")


async def fresh_token(stranger: Stranger) -> str:
    return str((await stranger.ask("POST", "/api/chat/token")).json()["access_token"])


async def upload(stranger: Stranger) -> str:
    """The object key of a picture of this person's."""
    link = (await stranger.ask("GET", "/api/uploader/upload/presigned?ext=png")).json()
    assert (await send(stranger.address, "PUT", link["url"], body=PNG)).status == 200
    return str(link["object_key"])


# ---------------------------------------------------------------- after their end
async def test_after_the_conversation_no_token_of_it_is_worth_anything(product: Product) -> None:
    ada, ben = await product.pair()
    renewed = await fresh_token(ben)
    assert (await ada.ask("DELETE", "/api/chat/channel")).status == 204
    await assert_worthless(product, ben.id, ben.token, renewed)
    for method, path in ASKS_A_TOKEN:
        assert (await with_token(product, method, path, ada.token)).status == 401, (method, path)


async def test_after_signing_out_neither_cookie_nor_token_is_worth_anything(product: Product) -> None:
    ada, ben = await product.pair()
    renewed = await fresh_token(ada)
    tab = await ada.open_chat()
    assert (await ada.ask("POST", "/api/user/logout")).status == 204
    assert await tab.closed() == 4501
    await assert_worthless(product, ada.id, ada.token, renewed)
    for method, path in ASKS_A_COOKIE:
        assert (await ada.ask(method, path)).status == 401, path
    answer = await exchange(product.port, upgrade("/api/match", f"Cookie: sid={ada.cookie}"))
    assert (answer.status, answer.error) == (401, "unauthorized")
    assert (await ben.ask("GET", "/api/chat/users")).status == 200


async def test_after_its_time_a_token_is_worth_nothing_and_can_not_be_renewed(start_product: StartProduct) -> None:
    product = await start_product(chat=ChatSettings(token=TokenSettings(ttl_hours=1 / 3600)))
    ada, _ = await product.pair()
    tab = await ada.open_chat()
    assert await tab.closed() == 4501
    await assert_worthless(product, ada.id, ada.token)


# ---------------------------------------------------------------- for another purpose
async def test_no_credential_passes_for_another_kind(product: Product) -> None:
    ada, ben = await product.pair()
    await assert_worthless(product, ada.id, ada.cookie)
    for token in (ada.token, ben.token):
        impostor = Stranger(product.address, "", cookie=token)
        for method, path in ASKS_A_COOKIE:
            assert (await impostor.ask(method, path)).status == 401, path
    both = [("Cookie", f"sid={ada.cookie}; access_token={ada.token}")]
    assert (await send(product.address, "GET", f"/api/chat/users?access_token={ada.token}", both)).status == 401


async def test_a_cookie_that_somebody_planted_never_becomes_a_session(product: Product) -> None:
    planted = "planted-by-somebody-else-0123456789abcdefghij"
    name, cookie = b'{"name": "Ada"}', ("Cookie", f"sid={planted}")
    made = await send(product.address, "POST", "/api/user", [cookie], name)
    assert made.cookies["sid"].value != planted
    assert (await send(product.address, "GET", "/api/user/me", [cookie])).status == 401


# ---------------------------------------------------------------- for another conversation
async def test_who_is_in_another_conversation_learns_and_changes_nothing(product: Product) -> None:
    ada, ben = await product.pair()
    eve, _ = await product.pair("Eve", "Fay")
    of_ada, of_eve = await ada.open_chat(), await eve.open_chat(after="0")
    said = await of_ada.say("for Ben alone", "c-1")
    key = await upload(ada)
    await of_ada.send(Event.FILE, json.dumps({"file_name": "a.png", "object_key": key}))

    frames = await of_eve.read_all()
    assert ada.id not in json.dumps(frames)
    for path in ("users", "users/online", f"channel/messages?ps={int(said['message_id']) + 1}"):
        assert ada.id not in (await eve.ask("GET", f"/api/chat/{path}")).body.decode()
    for user_id in (ada.id, ben.id):
        assert (await eve.ask("GET", f"/api/user?uid={user_id}")).status == 404
        assert (await eve.ask("DELETE", f"/api/chat/channel?delby={user_id}")).status == 403
        query = urlencode({"uid": user_id, "access_token": eve.token})
        assert (await exchange(product.port, upgrade(f"/api/chat?{query}"))).status == 403

    await of_eve.send(Event.SEEN, said["message_id"])
    assert (await of_eve.error())["code"] == "unknown_message"
    await of_eve.send(Event.FILE, json.dumps({"file_name": "a.png", "object_key": key}))
    assert (await of_eve.error())["code"] == "unknown_file"
    assert [frame["payload"] for frame in (await ben.history()) if frame["event"] == Event.TEXT] == ["for Ben alone"]


KEYS = {
    "{theirs}": 403,
    "{own}/../{theirs}": 404,
    "{own}//{theirs}": 404,
    "{own}/{name}": 404,
    "{own}/..": 404,
    "{own}/%2e%2e/{theirs}": 404,
    "{own}/{name}\0": 404,
    "{own}": 404,
    "0{channel}/{name}": 403,
    " {channel}/{name}": 403,
    "": 403,
}


async def test_no_key_leads_to_a_file_of_another_conversation(product: Product) -> None:
    ada, _ = await product.pair()
    eve, _ = await product.pair("Eve", "Fay")
    theirs = await upload(ada)
    channel, _, name = theirs.partition("/")
    for key, status in KEYS.items():
        text = key.format(own=eve.channel_id, theirs=theirs, channel=channel, name=name)
        wanted = urlsafe_b64encode(text.encode()).decode()
        assert (await eve.ask("GET", f"/api/uploader/download/presigned?okb64={wanted}")).status == status, key


async def test_a_changed_link_is_worth_nothing(product: Product) -> None:
    ada, _ = await product.pair()
    eve, _ = await product.pair("Eve", "Fay")
    key = await upload(ada)
    wanted = urlsafe_b64encode(key.encode()).decode()
    url = (await ada.ask("GET", f"/api/uploader/download/presigned?okb64={wanted}")).json()["url"]
    assert (await send(product.address, "GET", url)).body == PNG
    changed = [
        url.replace(ada.channel_id, eve.channel_id),
        url.replace("until=", "until=9"),
        f"{url}&until=99999999999999",
        f"{url}&name=evil.html",
        f"{url}&saved=1",
        f"{url}&signature=x",
        f"{url}%00",
        url.replace("signature=", "signature=A"),
        url[:-1],
        url.partition("&signature")[0],
    ]
    for link in changed:
        assert (await send(product.address, "GET", link)).status == 403, link
    for link in (url, *changed):
        assert (await send(product.address, "PUT", link, body=PNG)).status == 403, link
