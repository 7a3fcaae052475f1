"""Which host names are served, whose pages may ask, and which service a path belongs to."""

from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from randomchat.config import Settings
from randomchat.infra.http_guard import HttpGuard, ServiceRouter

SCHOOL = "https://school.example"


async def pass_through(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "passed", "status": 200})


async def receive_nothing() -> Message:
    raise AssertionError


async def ask(app: Any, method: str = "POST", path: str = "/", kind: str = "http", **headers: str) -> Message:
    """The first thing that the application sends, and its body."""
    all_headers = {"host": "localhost:8080", **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope = {"type": kind, "method": method, "path": path, "extensions": {"websocket.http.response": {}}}
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    pairs = [(name.encode(), value.encode("latin-1")) for name, value in all_headers.items()]
    await app({**scope, "headers": pairs}, receive_nothing, send)
    return {**sent[0], "body": sent[-1].get("body", b"")}


def guard(**settings: Any) -> HttpGuard:
    return HttpGuard(pass_through, Settings(**settings))


async def code_of(app: HttpGuard, **request: str) -> str | None:
    answer = await ask(app, **request)
    for code in ("host_not_allowed", "origin_not_allowed"):
        if code.encode() in answer["body"]:
            assert answer["status"] == 403
            return code
    assert answer["type"] == "passed"
    return None


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:9", "[::1]:8080", "[::1]", "localhost."])
async def test_the_machine_itself_is_served(host: str) -> None:
    assert await code_of(guard(), host=host) is None


@pytest.mark.parametrize("host", ["evil.example", "", "localhost.evil.example", "a@localhost", "localhost:x", "[::1", "10.0.0.7"])
async def test_other_names_are_not_served(host: str) -> None:
    assert await code_of(guard(), method="GET", host=host) == "host_not_allowed"


async def test_the_bound_address_the_public_name_and_allowed_names_are_served() -> None:
    app = guard(host="10.0.0.1", public_url="https://chat.example", allowed_hosts=["Chat.LAN"])
    for host in ("10.0.0.1:8080", "chat.example", "chat.lan:80"):
        assert await code_of(app, host=host) is None


async def test_a_server_on_all_addresses_is_served_under_each_but_under_no_foreign_name() -> None:
    app = guard(host="0.0.0.0")
    assert await code_of(app, host="192.168.0.7:8080") is None
    assert await code_of(app, host="evil.example:8080") == "host_not_allowed"


async def test_two_host_headers_are_refused() -> None:
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost"), (b"host", b"localhost")]}
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await guard()(scope, receive_nothing, send)
    assert sent[0]["status"] == 403


@pytest.mark.parametrize("origin", ["http://localhost:8080", "https://localhost:8080", "http://LOCALHOST:8080"])
async def test_our_own_pages_may_change_state(origin: str) -> None:
    assert await code_of(guard(), origin=origin) is None


async def test_a_host_without_a_port_is_that_of_an_origin_without_one() -> None:
    for origin in ("http://localhost", "https://localhost"):
        assert await code_of(guard(), host="localhost", origin=origin) is None
    assert await code_of(guard(), host="localhost", origin="http://localhost:8080") == "origin_not_allowed"


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://evil.example",
        "http://localhost",
        "http://localhost:8081",
        "http://localhost:8080.evil.example",
        "ftp://localhost:8080",
    ],
)
@pytest.mark.parametrize("request_", [{"method": "POST"}, {"method": "DELETE"}, {"method": "GET", "kind": "websocket"}])
async def test_foreign_pages_may_not(origin: str, request_: dict[str, str]) -> None:
    assert await code_of(guard(), origin=origin, **request_) == "origin_not_allowed"


async def test_foreign_pages_may_read() -> None:
    assert await code_of(guard(), method="GET", origin="http://evil.example", sec_fetch_site="cross-site") is None


async def test_a_request_from_another_site_is_refused_without_an_origin_too() -> None:
    assert await code_of(guard(), sec_fetch_site="cross-site") == "origin_not_allowed"
    assert await code_of(guard(), origin="http://localhost:8080", sec_fetch_site="cross-site") == "origin_not_allowed"
    for site in ("same-origin", "same-site", "none"):
        assert await code_of(guard(), sec_fetch_site=site) is None


async def test_pages_behind_a_proxy_are_our_own_by_the_public_url() -> None:
    app = guard(public_url="https://chat.example")
    assert await code_of(app, origin="https://chat.example") is None
    assert await code_of(app, origin="http://chat.example") == "origin_not_allowed"


async def test_invited_pages_may_change_state_though_they_are_of_another_site() -> None:
    app = guard(allowed_origins=[SCHOOL])
    assert await code_of(app, origin=SCHOOL, sec_fetch_site="cross-site") is None
    assert await code_of(app, sec_fetch_site="cross-site") == "origin_not_allowed"


async def test_invited_pages_may_read_the_answers() -> None:
    answer = await ask(guard(allowed_origins=[SCHOOL]), method="OPTIONS", origin=SCHOOL, access_control_request_method="DELETE")
    headers = dict(answer["headers"])
    assert headers[b"access-control-allow-origin"] == SCHOOL.encode()
    assert headers[b"access-control-allow-credentials"] == b"true"


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/api/user", "user"),
        ("/api/user/me", "user"),
        ("/api/userx", "web"),
        ("/api/chat/", "chat"),
        ("/", "web"),
        ("/chat", "web"),
    ],
)
async def test_a_path_goes_to_the_service_with_its_prefix(path: str, service: str) -> None:
    def named(name: str) -> Any:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": name})

        return app

    router = ServiceRouter({"/": named("web"), "/api/user": named("user"), "/api/chat": named("chat")})
    assert (await ask(router, path=path))["type"] == service


@pytest.mark.parametrize(("kind", "start"), [("http", "http.response.start"), ("websocket", "websocket.http.response.start")])
async def test_a_path_of_no_service_is_404(kind: str, start: str) -> None:
    answer = await ask(ServiceRouter({"/api/user": pass_through}), path="/api/userx", kind=kind)
    assert (answer["type"], answer["status"]) == (start, 404)
    assert b'"not_found"' in answer["body"]
