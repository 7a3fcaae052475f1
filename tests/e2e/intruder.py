"""A stranger without a browser, who sends what a browser never would."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import Any, TypeVar

from tests.e2e.stranger import Stranger
from tests.http_client import Answer, send

Result = TypeVar("Result")
CLIENT_ID_MAX = 64
WAIT_S = 60.0


class Intruder:
    """Does one thing after the other, each done when the call returns."""

    def __init__(self, loop: asyncio.AbstractEventLoop, address: str) -> None:
        self._loop, self._address = loop, address
        self.stranger = Stranger(address, "")
        self._sent = 0

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT_S)

    def meet(self, name: str) -> None:
        """Become somebody new, and open a conversation with whoever is looking for one."""
        self.run(self._meet(name))

    def send(self, event: int, *payloads: str) -> None:
        """Send them in order, each acknowledged. The `client_id`, which the page keeps too, is planted likewise."""
        self.run(self._send(event, payloads))

    def upload(self, content: bytes, ext: str) -> str:
        """The object key of a file that was really uploaded."""
        link = self.run(self.stranger.ask("GET", f"/api/uploader/upload/presigned?ext={ext}")).json()
        assert self.run(send(self._address, "PUT", link["url"], body=content)).status == 200
        return str(link["object_key"])

    def get(self, target: str) -> Answer:
        return self.run(self.stranger.ask("GET", target))

    def leave(self) -> None:
        assert self.run(self.stranger.ask("DELETE", "/api/chat/channel")).status == 204

    def go(self) -> None:
        self.run(self.stranger.go())

    async def _meet(self, name: str) -> None:
        await self.stranger.go()
        self.stranger = Stranger(self._address, name)
        await self.stranger.sign_up()
        await self.stranger.find_partner("?lang=en")  # as the browser asks: others would have to wait
        await self.stranger.open_chat()

    async def _send(self, event: int, payloads: tuple[str, ...]) -> None:
        tab = self.stranger.tabs[-1]
        for payload in payloads:
            client_id = f"{self._sent} {payload}"[:CLIENT_ID_MAX]
            self._sent += 1
            await tab.send(event, payload, client_id=client_id)
            await tab.next_frame(event, client_id=client_id, ack=True)


@contextmanager
def intruder_at(address: str) -> Iterator[Intruder]:
    """In a thread of its own: Playwright's loop runs in this one."""
    begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def stay() -> None:
        end = asyncio.Event()
        begun.set_result((asyncio.get_running_loop(), end))
        await end.wait()

    thread = Thread(target=lambda: asyncio.run(stay()))
    thread.start()
    loop, end = begun.result(WAIT_S)
    intruder = Intruder(loop, address)
    try:
        yield intruder
        intruder.go()
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()


def file_payload(name: str, object_key: str) -> str:
    return json.dumps({"file_name": name, "object_key": object_key})
