"""Every refusal of a REST service has one shape."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import Request
from pydantic import BaseModel
from starlette.types import ASGIApp, Message

from randomchat.errors import RandomchatError, RateLimited, Unavailable
from randomchat.infra.http_app import body_of, create_api, read_json


class Person(BaseModel):
    name: str
    age: int = 0


def person_api() -> ASGIApp:
    api = create_api("people", "Keeps people.")

    @api.post("/person", status_code=201, openapi_extra=body_of(Person))
    async def create(request: Request) -> dict[str, str]:
        return {"name": (await read_json(request, Person)).name}

    @api.get("/person")
    async def find(number: int) -> dict[str, int]:
        return {"number": number}

    @api.get("/fail")
    async def fail(how: str) -> None:
        raise {"limited": RateLimited(retry_after_s=2.3), "away": Unavailable(), "bug": ValueError("SECRET")}[how]

    return api


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    json: Any


async def ask(method: str, target: str, *chunks: bytes, kind: str = "http", **headers: str) -> Answer:
    path, _, query = target.partition("?")
    incoming = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    incoming.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[Message] = []

    async def receive() -> Message:
        return incoming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": kind, "method": method, "path": path, "query_string": query.encode(), "headers": pairs}
    await person_api()({**scope, "extensions": {"websocket.http.response": {}}}, receive, send)
    head = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], head, json.loads(b"".join(message.get("body", b"") for message in sent) or b"null"))


@pytest.mark.parametrize("content_type", ["application/json", "text/plain;charset=UTF-8", "nonsense"])
async def test_a_body_is_read_whatever_its_type_says(content_type: str) -> None:
    answer = await ask("POST", "/person", b'{"na', b'me": "Ann"}', content_type=content_type)
    assert (answer.status, answer.json) == (201, {"name": "Ann"})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"name": 1}', "name: "),
        (b'{"name": "Ann", "age": "7"}', "age: "),
        (b"{}", "name: "),
        (b"[]", "JSON object"),
        (b'"Ann"', "JSON object"),
        (b"", "not valid JSON"),
        (b'{"name": ', "not valid JSON"),
        (b'{"name": "\xff"}', "not valid JSON"),
        (b'{"name": "\\ud800"}', "not valid JSON"),
        (b"[" * 60_000, "not valid JSON"),
    ],
)
async def test_a_bad_body_is_400_and_says_what_is_wrong(body: bytes, words: str) -> None:
    answer = await ask("POST", "/person", body)
    assert (answer.status, answer.json["code"], answer.json["retryable"]) == (400, "bad_request", False)
    assert words in answer.json["msg"]


async def test_a_body_over_64_kib_is_413_before_it_is_all_there() -> None:
    chunks = [b"x" * 16_384] * 5
    answer = await ask("POST", "/person", *chunks, *[b"never read"] * 1000)
    assert (answer.status, answer.json["code"]) == (413, "too_large")


@pytest.mark.parametrize("target", ["/person", "/person?number=x"])
async def test_a_bad_parameter_is_400_and_named(target: str) -> None:
    answer = await ask("GET", target)
    assert answer.status == 400
    assert answer.json["msg"].startswith("number: ")


async def test_a_refusal_says_when_to_try_again() -> None:
    answer = await ask("GET", "/fail?how=limited")
    assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (429, "rate_limited", "3")
    answer = await ask("GET", "/fail?how=away")
    assert (answer.status, answer.json["retryable"], answer.headers["retry-after"]) == (503, True, "1")


async def test_a_bug_is_500_and_shows_nothing_of_itself(capsys: pytest.CaptureFixture[str]) -> None:
    answer = await ask("GET", "/fail?how=bug")
    assert answer.status == 500
    assert answer.json == {"msg": RandomchatError().message, "code": "internal", "retryable": True}
    assert "a request failed" in capsys.readouterr().out


@pytest.mark.parametrize("path", ["/nothing", "/person/", "/docs", "/openapi.json"])
async def test_an_unknown_path_is_404(path: str) -> None:
    answer = await ask("GET", path)
    assert (answer.status, answer.json["code"]) == (404, "not_found")


async def test_a_wrong_method_is_405_and_names_all_the_right_ones() -> None:
    answer = await ask("PUT", "/person")
    assert (answer.status, answer.json["code"], answer.headers["allow"]) == (405, "method_not_allowed", "GET, POST")


async def test_an_upgrade_to_a_rest_route_is_404() -> None:
    answer = await ask("GET", "/person", kind="websocket")
    assert (answer.status, answer.json["code"]) == (404, "not_found")


async def test_no_answer_is_cached_or_sniffed() -> None:
    for answer in (await ask("GET", "/person?number=1"), await ask("GET", "/nothing")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_openapi_document_describes_bodies_and_refusals() -> None:
    api: Any = person_api()
    create = api.openapi()["paths"]["/person"]["post"]
    assert create["requestBody"]["content"]["application/json"]["schema"]["required"] == ["name"]
    assert set(create["responses"]) == {"201", "4XX", "5XX"}
    assert set(api.openapi()["components"]["schemas"]["ErrorBody"]["required"]) == {"msg", "code", "retryable"}
