"""The user service over HTTP: every row of its part of the contract."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from randomchat.config import LimitSettings, Settings
from randomchat.ids import UserId
from randomchat.infra.rate_limiter_memory import MemoryRateLimiter
from randomchat.infra.sqlite import SqliteDatabase
from randomchat.user.app import UserApp
from randomchat.user.repository_sqlite import SqliteUserRepository
from randomchat.user.schema_sqlite import USER_SCHEMA
from tests.fakes import FakeClock, RecordingChatApi
from tests.http_client import Answer, send

ServeApp = Callable[[Any], Awaitable[str]]
Serve = Callable[[Settings], Awaitable["Visitor"]]
ACCOUNTS_PER_HOUR = 4


class Visitor:
    """Somebody who asks the user service, with or without a session."""

    def __init__(self, address: str, token: str | None = None) -> None:
        self.address = address
        self.token = token

    async def ask(self, method: str, target: str, body: bytes = b"", **headers: str) -> Answer:
        sent = [(name.replace("_", "-"), value) for name, value in headers.items()]
        if self.token is not None:
            sent.append(("Cookie", f"sid={self.token}"))
        return await send(self.address, method, target, sent, body)

    async def create(self, name: object = "Ada", **headers: str) -> Answer:
        return await self.ask("POST", "/api/user", json.dumps({"name": name}).encode(), **headers)

    async def sign_up(self, name: str) -> tuple[Visitor, str]:
        """A visitor with a new account, and its id."""
        answer = await self.create(name)
        assert answer.status == 201
        return Visitor(self.address, answer.cookies["sid"].value), answer.json()["id"]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def chat() -> RecordingChatApi:
    return RecordingChatApi()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = await SqliteDatabase.open(tmp_path / "randomchat.sqlite3", [USER_SCHEMA])
    yield database
    await database.close()


def build_user_app(database: SqliteDatabase, chat: RecordingChatApi, clock: FakeClock, settings: Settings) -> UserApp:
    return UserApp(SqliteUserRepository(database), chat, MemoryRateLimiter(clock), clock, settings)


@pytest.fixture
def serve(database: SqliteDatabase, chat: RecordingChatApi, clock: FakeClock, serve_app: ServeApp) -> Serve:
    async def start(settings: Settings) -> Visitor:
        return Visitor(await serve_app(build_user_app(database, chat, clock, settings).api))

    return start


@pytest.fixture
async def visitor(serve: Serve) -> Visitor:
    return await serve(Settings(limits=LimitSettings(accounts_per_hour=ACCOUNTS_PER_HOUR)))


def read_all(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def assert_refused(answer: Answer, status: int, code: str) -> None:
    assert answer.status == status
    body = answer.json()
    assert body["code"] == code
    assert body["msg"]
    assert isinstance(body["retryable"], bool)
    assert "Set-Cookie" not in answer.headers


# POST /api/user


async def test_create_answers_201_with_id_and_trimmed_name(visitor: Visitor) -> None:
    answer = await visitor.create("  Ada \n")
    assert answer.status == 201
    assert answer.json() == {"id": answer.json()["id"], "name": "Ada"}
    assert 0 < int(answer.json()["id"]) < 1 << 63


async def test_create_sets_a_cookie_that_scripts_and_other_sites_cannot_use(visitor: Visitor) -> None:
    cookie = (await visitor.create()).cookies["sid"]
    assert len(cookie.value) == 43
    assert cookie["httponly"]
    assert cookie["path"] == "/"
    assert cookie["samesite"].lower() == "lax"
    assert cookie["max-age"] == str(30 * 24 * 3600)
    assert not cookie["domain"]
    assert not cookie["secure"], "over plain HTTP a browser would drop it"


async def test_the_cookie_is_secure_behind_tls(serve: Serve) -> None:
    visitor = await serve(Settings(public_url="HTTPS://chat.example"))
    assert (await visitor.create()).cookies["sid"]["secure"]


async def test_the_cookie_is_secure_where_a_proxy_says_https(visitor: Visitor) -> None:
    assert (await visitor.create(X_Forwarded_Proto="https")).cookies["sid"]["secure"]


async def test_create_is_always_a_new_account_and_never_takes_a_given_session(visitor: Visitor) -> None:
    ada, ada_id = await visitor.sign_up("Ada")
    for token in (ada.token, "x" * 43, "fixed-by-an-attacker"):
        again = await Visitor(visitor.address, token).create("Ada")
        assert again.status == 201
        assert again.json()["id"] != ada_id
        assert again.cookies["sid"].value != token
    assert (await ada.ask("GET", "/api/user/me")).json()["id"] == ada_id


@pytest.mark.parametrize(
    "name", ["", "   ", "x" * 16, "a\x00b", "a\x1bb", "a\x85b", "a\u202eb", "a\u061cb", "\u200b", None, 7, ["a"], {}]
)
async def test_create_with_a_bad_name_is_400(visitor: Visitor, name: object) -> None:
    answer = await visitor.create(name)
    assert_refused(answer, 400, "bad_request")
    assert answer.json()["msg"].startswith("name: ")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"Ada"', b"{}", b'{"name": "\xff"}', b'{"name": "\\ud800"}', b"name=Ada"]
)
async def test_create_with_a_bad_body_is_400(visitor: Visitor, body: bytes) -> None:
    assert_refused(await visitor.ask("POST", "/api/user", body), 400, "bad_request")


@pytest.mark.parametrize(
    "content_type", ["text/plain;charset=UTF-8", "application/json", "application/x-www-form-urlencoded", "?"]
)
async def test_json_is_taken_whatever_its_content_type_says(visitor: Visitor, content_type: str) -> None:
    assert (await visitor.create(Content_Type=content_type)).status == 201


async def test_names_of_the_world_survive_the_way_there_and_back(visitor: Visitor) -> None:
    name = "李 👩‍👩‍👧‍👦 é"
    ada, _ = await visitor.sign_up(name)
    assert (await ada.ask("GET", "/api/user/me")).json()["name"] == name


async def test_too_many_accounts_of_one_address_are_429_and_bad_names_do_not_count(visitor: Visitor, clock: FakeClock) -> None:
    for _ in range(ACCOUNTS_PER_HOUR):
        assert (await visitor.create()).status == 201
        assert (await visitor.create("x" * 16)).status == 400
    answer = await visitor.create()
    assert_refused(answer, 429, "rate_limited")
    assert answer.headers["Retry-After"] == "3600"
    assert answer.json()["retryable"]
    clock.advance(3600)
    assert (await visitor.create()).status == 201


async def test_all_addresses_of_one_ipv6_network_count_together(visitor: Visitor) -> None:
    for number in range(ACCOUNTS_PER_HOUR):
        assert (await visitor.create(X_Forwarded_For=f"2001:db8::{number:x}")).status == 201
    assert (await visitor.create(X_Forwarded_For="2001:db8::ffff:1")).status == 429
    assert (await visitor.create(X_Forwarded_For="2001:db8:0:1::1")).status == 201


async def test_accounts_are_not_counted_where_limits_are_off(serve: Serve) -> None:
    visitor = await serve(Settings(limits=LimitSettings(enabled=False, accounts_per_hour=1)))
    assert [(await visitor.create()).status for _ in range(3)] == [201] * 3


# GET /api/user/me


async def test_me_answers_200_with_an_empty_picture(visitor: Visitor) -> None:
    ada, ada_id = await visitor.sign_up("Ada")
    answer = await ada.ask("GET", "/api/user/me")
    assert answer.status == 200
    assert answer.json() == {"id": ada_id, "name": "Ada", "picture": ""}
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "target"), [("GET", "/api/user/me"), ("GET", "/api/user?uid=1"), ("POST", "/api/user/logout")]
)
async def test_without_a_live_session_it_is_401(visitor: Visitor, method: str, target: str) -> None:
    for token in (None, "", "x", "x" * 43, "%00", '"', "\u00ff\u00fe", "x" * 4000):
        assert_refused(await Visitor(visitor.address, token).ask(method, target), 401, "unauthorized")


async def test_two_cookies_are_401_even_if_one_is_good(visitor: Visitor) -> None:
    ada, _ = await visitor.sign_up("Ada")
    for pair in (f"sid=evil; sid={ada.token}", f"sid={ada.token}; sid=evil", f"sid={ada.token}; sid={ada.token}"):
        assert_refused(await visitor.ask("GET", "/api/user/me", Cookie=pair), 401, "unauthorized")


async def test_a_session_is_over_after_thirty_days(visitor: Visitor, clock: FakeClock) -> None:
    ada, _ = await visitor.sign_up("Ada")
    clock.advance(30 * 24 * 3600)
    assert_refused(await ada.ask("GET", "/api/user/me"), 401, "unauthorized")


# GET /api/user?uid=


async def test_uid_shows_oneself(visitor: Visitor) -> None:
    ada, ada_id = await visitor.sign_up("Ada")
    answer = await ada.ask("GET", f"/api/user?uid={ada_id}")
    assert answer.status == 200
    assert answer.json() == {"id": ada_id, "name": "Ada", "picture": ""}


async def test_uid_shows_people_one_shares_or_shared_a_channel_with(visitor: Visitor, chat: RecordingChatApi) -> None:
    ada, ada_id = await visitor.sign_up("Ada")
    bob, bob_id = await visitor.sign_up("Bob")
    chat.acquaint(UserId(int(ada_id)), UserId(int(bob_id)))
    assert (await ada.ask("GET", f"/api/user?uid={bob_id}")).json() == {"id": bob_id, "name": "Bob", "picture": ""}
    assert (await bob.ask("GET", f"/api/user?uid={ada_id}")).json() == {"id": ada_id, "name": "Ada", "picture": ""}


async def test_uid_of_a_stranger_is_404_and_looks_like_one_that_does_not_exist(visitor: Visitor) -> None:
    ada, _ = await visitor.sign_up("Ada")
    _, bob_id = await visitor.sign_up("Bob")
    stranger = await ada.ask("GET", f"/api/user?uid={bob_id}")
    nobody = await ada.ask("GET", "/api/user?uid=404")
    assert_refused(stranger, 404, "not_found")
    assert nobody.status == 404
    assert nobody.json() == stranger.json()


@pytest.mark.parametrize(
    "query", ["", "?uid=", "?uid=abc", "?uid=-1", "?uid=0", "?uid=01", "?uid=1.0", "?uid=9223372036854775808", "?uid=%00"]
)
async def test_a_malformed_uid_is_400(visitor: Visitor, query: str) -> None:
    ada, _ = await visitor.sign_up("Ada")
    answer = await ada.ask("GET", f"/api/user{query}")
    assert_refused(answer, 400, "bad_request")
    assert answer.json()["msg"].startswith("uid: ")


async def test_uid_is_503_while_the_chat_service_is_away(visitor: Visitor, chat: RecordingChatApi) -> None:
    ada, _ = await visitor.sign_up("Ada")
    chat.away = True
    answer = await ada.ask("GET", "/api/user?uid=404")
    assert_refused(answer, 503, "unavailable")
    assert int(answer.headers["Retry-After"]) >= 1


# POST /api/user/logout


async def test_logout_answers_204_clears_the_cookie_and_closes_the_sockets(visitor: Visitor, chat: RecordingChatApi) -> None:
    ada, ada_id = await visitor.sign_up("Ada")
    answer = await ada.ask("POST", "/api/user/logout")
    assert answer.status == 204
    assert answer.body == b""
    assert (answer.cookies["sid"].value, answer.cookies["sid"]["max-age"], answer.cookies["sid"]["path"]) == ("", "0", "/")
    assert chat.signed_out == [UserId(int(ada_id))]
    assert_refused(await ada.ask("GET", "/api/user/me"), 401, "unauthorized")
    assert_refused(await ada.ask("POST", "/api/user/logout"), 401, "unauthorized")


async def test_a_logout_that_fails_is_503_keeps_the_session_and_can_be_repeated(visitor: Visitor, chat: RecordingChatApi) -> None:
    ada, _ = await visitor.sign_up("Ada")
    chat.away = True
    assert_refused(await ada.ask("POST", "/api/user/logout"), 503, "unavailable")
    assert (await ada.ask("GET", "/api/user/me")).status == 200
    chat.away = False
    assert (await ada.ask("POST", "/api/user/logout")).status == 204


# What is not there, and what must not be


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("DELETE", "/api/user/me", 405),
        ("PUT", "/api/user", 405),
        ("GET", "/api/user/logout", 405),
        ("GET", "/api/user/me/export", 404),
        ("GET", "/api/user/oauth2/google/login", 404),
        ("GET", "/api/user/oauth2/google/callback?state=x&code=y", 404),
        ("GET", "/api/user/", 404),
    ],
)
async def test_what_is_not_offered_is_refused_like_anything_else(visitor: Visitor, method: str, target: str, status: int) -> None:
    assert_refused(await visitor.ask(method, target), status, {404: "not_found", 405: "method_not_allowed"}[status])


async def test_the_cookie_is_nowhere_on_the_disk(visitor: Visitor, database: SqliteDatabase, tmp_path: Path) -> None:
    ada, _ = await visitor.sign_up("Ada the first")
    assert ada.token
    await database.close()
    stored = read_all(tmp_path)
    assert b"Ada the first" in stored
    assert ada.token.encode() not in stored


# The OpenAPI document


async def test_the_document_tells_of_every_route_its_answers_and_its_credential(
    database: SqliteDatabase, chat: RecordingChatApi, clock: FakeClock
) -> None:
    paths = build_user_app(database, chat, clock, Settings()).api.openapi()["paths"]
    assert {(method, path): sorted(route["responses"]) for path, routes in paths.items() for method, route in routes.items()} == {
        ("post", "/api/user"): ["201", "400", "429", "4XX", "5XX"],
        ("get", "/api/user"): ["200", "400", "401", "404", "4XX", "5XX"],
        ("get", "/api/user/me"): ["200", "401", "404", "4XX", "5XX"],
        ("post", "/api/user/logout"): ["204", "401", "4XX", "503", "5XX"],
    }
    with_session = {path for path, routes in paths.items() for route in routes.values() if route.get("security")}
    assert with_session == {"/api/user", "/api/user/me", "/api/user/logout"}
