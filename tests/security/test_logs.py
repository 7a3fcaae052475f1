"""What is logged, at its most talkative: nothing that lets anybody in, and nothing that people say."""

from __future__ import annotations

import contextlib
import io
import json
import logging
from base64 import urlsafe_b64encode
from collections.abc import Iterator

import pytest
import structlog

from randomchat.chat.domain import Event
from randomchat.config import LogSettings
from randomchat.infra.telemetry import configure_logging
from tests.component.edge_server import connected, exchange, request, upgrade
from tests.e2e.stranger import Stranger
from tests.http_client import send
from tests.security.conftest import Product

NAMES = ["Adalbert Private", "Benedict Hidden"]
WORDS = ["a word for one person", "half a word for one", "holiday at home.png", "interest-of-mine", "word-in-a-wrong-body"]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that the process logs; libraries may say what they would say without our settings."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging(LogSettings(level="debug"), stream)
    root.setLevel(logging.INFO)
    yield stream
    structlog.reset_defaults()
    root.handlers[:], root.level = before
    logging.getLogger("randomchat").setLevel(logging.NOTSET)


async def live_through(product: Product) -> list[str]:
    """A visit in which much goes wrong; what must not be written."""
    ada, ben = await product.pair(*(name[:15] for name in NAMES))
    tab = await ada.open_chat()
    await tab.say(WORDS[0], "c-1")
    await tab.send_text(f'{{"event":0,"payload":"{WORDS[1]}"')
    await tab.error()
    link = (await ada.ask("GET", "/api/uploader/upload/presigned?ext=png")).json()
    await send(product.address, "PUT", link["url"], body=b"\x89PNG")
    await send(product.address, "PUT", link["url"] + "x", body=b"\x89PNG")
    await tab.send(Event.FILE, json.dumps({"file_name": WORDS[2], "object_key": link["object_key"]}), client_id="c-2")
    await tab.next_frame(Event.FILE, client_id="c-2", ack=True)
    wanted = urlsafe_b64encode(link["object_key"].encode()).decode()
    url = (await ada.ask("GET", f"/api/uploader/download/presigned?okb64={wanted}")).json()["url"]
    forged = ben.token[:-4] + "AAAA"
    await exchange(product.port, upgrade(f"/api/chat?uid={ben.id}&access_token={forged}", f"Cookie: sid={ben.cookie}"))
    await exchange(product.port, upgrade(f"/api/match?interests={WORDS[3]}&lang=!", f"Cookie: sid={ben.cookie}"))
    await exchange(product.port, upgrade("/api/chat", f"Sec-WebSocket-Protocol: randomchat.v1, {forged}"))
    body = json.dumps({"name": [WORDS[4]]}).encode()
    await exchange(product.port, request("POST /api/user HTTP/1.1", f"Content-Length: {len(body)}", body=body))
    async with connected(product.port) as client:
        client.send(f"GET /{ada.token} HTTP/1.1\r\nCookie: sid={ada.cookie}\r\n: broken\r\n\r\n".encode())
        await client.read_end()
    await break_the_store(product, ada)
    signatures = [address.partition("signature=")[2] for address in (link["url"], url)]
    return [*ada.secrets, *ben.secrets, forged, *signatures, *(name[:15] for name in NAMES), *WORDS]


async def break_the_store(product: Product, ada: Stranger) -> None:
    """Every request fails from now on; what they asked for is in the hands of whatever fails."""

    async def fail(*_: object) -> None:
        raise RuntimeError("out of order")

    product.services.chat.rest.state.access.admit = fail
    product.services.user.service.authenticate = fail  # type: ignore[method-assign, assignment]
    assert (await ada.ask("GET", "/api/user/me")).status == 500
    assert (await ada.ask("GET", f"/api/chat/users?access_token={ada.token}")).status == 500
    for path in (f"/api/chat?uid={ada.id}&access_token={ada.token}", f"/api/match?interests={WORDS[3]}"):
        with contextlib.suppress(EOFError):
            await exchange(product.port, upgrade(path, f"Cookie: sid={ada.cookie}"))


async def test_no_credential_and_nothing_that_people_say_is_logged(product: Product, log: io.StringIO) -> None:
    private = await live_through(product)
    written = log.getvalue()
    assert written.count("RuntimeError: out of order") == 4
    assert [secret for secret in private if secret in written] == []


@pytest.mark.parametrize("line", ["GET /o/1?until=5&signature={}", "GET /o/1?X-Amz-Signature={}", "authorization: Bearer {}"])
def test_whoever_logs_a_link_or_a_header_by_mistake_gives_nothing_away(log: io.StringIO, line: str) -> None:
    logging.getLogger("some.library").warning(line.format("c2VjcmV0LXNlY3JldC1zZWNyZXQ"))
    assert "***" in log.getvalue()
    assert "c2VjcmV0" not in log.getvalue()
