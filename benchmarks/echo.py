"""The yardstick: a bare relay on the same stack, which stores, checks and remembers nothing.

`/pair/<n>` upgrades; each text message goes out, as it came, to both sockets of the pair: one frame in, two frames out.
"""

from __future__ import annotations

import argparse
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send


class Relay:
    """An ASGI app without a framework."""

    def __init__(self) -> None:
        self._pairs: dict[str, list[Send]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._relay(self._pairs.setdefault(scope["path"], []), receive, send)
        elif scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})

    async def _relay(self, pair: list[Send], receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        pair.append(send)
        while (message := await receive())["type"] == "websocket.receive":
            outgoing: dict[str, Any] = {"type": "websocket.send", "text": message["text"]}
            for member in pair:
                await member(outgoing)
        pair.remove(send)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    uvicorn.run(
        Relay(),
        port=options.port,
        loop="uvloop",
        ws="websockets-sansio",
        ws_max_size=65536,
        ws_per_message_deflate=False,
        lifespan="off",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
