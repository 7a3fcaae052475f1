"""The OpenAPI documents against a running server: whatever comes in is answered as they say, and never by a 5xx."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.specs.openapi import checks as openapi_checks
from websockets.sync.client import ClientConnection, connect

from randomchat.errors import ERRORS
from tests.reliability.server import randomchat_server, running

DOCUMENTS = Path(__file__).parents[2] / "api" / "openapi"
CHECKS: list[CheckFunction] = [
    not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
]
AnyCase: TypeAlias = schemathesis.Case[Any]
WAIT_S = 10.0
same_each_time = settings(
    max_examples=100, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)

user_api = schemathesis.openapi.from_path(DOCUMENTS / "user.json")
match_api = schemathesis.openapi.from_path(DOCUMENTS / "match.json")
uploader_api = schemathesis.openapi.from_path(DOCUMENTS / "uploader.json")
chat_api = schemathesis.openapi.from_path(DOCUMENTS / "chat.json")


@dataclass(frozen=True)
class World:
    """A server with people on it. `cookie`: of a session that nobody ends. `token`, `doomed_token`: of an open channel each."""

    address: str
    cookie: str
    token: str
    doomed_token: str


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(randomchat_server(tmp_path_factory.mktemp("server"))) as server:
        ada, ben, eve, max_ = (sign_up(server.address, name) for name in ("Ada", "Ben", "Eve", "Max"))
        yield World(server.address, ada, meet(server.address, ada, ben), meet(server.address, eve, max_))


def sign_up(address: str, name: str) -> str:
    """The session's cookie of a new account."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=WAIT_S)
    connection.request("POST", "/api/user", json.dumps({"name": name}))
    answer = connection.getresponse()
    cookie = SimpleCookie(answer.headers["Set-Cookie"])["sid"].value
    connection.close()
    return cookie


def meet(address: str, one: str, other: str) -> str:
    """Let two people find each other; the channel token of the first."""
    with search(address, one) as first, search(address, other) as second:
        token = wait_for_match(first)
        wait_for_match(second)
    return token


def search(address: str, cookie: str) -> ClientConnection:
    return connect(f"{address.replace('http', 'ws', 1)}/api/match", additional_headers={"Cookie": f"sid={cookie}"})


def wait_for_match(socket: ClientConnection) -> str:
    token = ""
    while not token:
        token = json.loads(socket.recv(WAIT_S))["access_token"]
    return str(token)


def ask(case: AnyCase, world: World, cookies: dict[str, str] | None = None, headers: dict[str, str] | None = None) -> None:
    """Send what was generated, and hold the answer against the document and the table of errors."""
    answer = case.call_and_validate(world.address, checks=CHECKS, cookies=cookies, headers=headers)
    if answer.status_code >= 400 and case.method != "HEAD":
        assert ERRORS[answer.json()["code"]].http == answer.status_code


@user_api.parametrize()
@same_each_time
def test_the_user_service_answers_as_documented(case: AnyCase, world: World) -> None:
    ask(case, world)
    ask(case, world, cookies={"sid": sign_up(world.address, "Max") if case.path == "/api/user/logout" else world.cookie})


@match_api.parametrize()
@same_each_time
def test_the_match_service_answers_as_documented(case: AnyCase, world: World) -> None:
    ask(case, world)
    ask(case, world, cookies={"sid": world.cookie})


@chat_api.parametrize()
@same_each_time
def test_the_chat_service_answers_as_documented(case: AnyCase, world: World) -> None:
    ask(case, world)
    token = world.doomed_token if case.method == "DELETE" else world.token
    ask(case, world, headers={"Authorization": f"Bearer {token}"})


@uploader_api.parametrize()
@same_each_time
def test_the_uploader_answers_as_documented(case: AnyCase, world: World) -> None:
    ask(case, world)
    ask(case, world, headers={"Authorization": f"Bearer {world.token}"})


@pytest.mark.parametrize("path", ["/api/user/me", "/api/chat/users", "/api/chat/channel/messages", "/api/chat/forwardauth"])
def test_the_credentials_are_still_good_after_all_that(world: World, path: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(world.address).netloc, timeout=WAIT_S)
    connection.request("GET", path, headers={"Cookie": f"sid={world.cookie}", "Authorization": f"Bearer {world.token}"})
    assert connection.getresponse().status == 200
    connection.close()
