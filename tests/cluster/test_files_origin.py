"""Files as browsers get them in distributed mode: from an origin of their own, through the proxy."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode

from tests.deployment import DistributedServer
from tests.e2e.stranger import Stranger
from tests.http_client import send

FILE = 3
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


async def test_files_have_an_origin_of_their_own_and_are_nothing_but_files(distributed_server: DistributedServer) -> None:
    await asyncio.to_thread(distributed_server.start)
    await asyncio.to_thread(distributed_server.wait_until_ready)
    ada, ben = Stranger(distributed_server.address, "Ada"), Stranger(distributed_server.address, "Ben")
    await asyncio.gather(ada.sign_up(), ben.sign_up())
    await asyncio.gather(ada.find_partner(), ben.find_partner())
    tab = await ada.open_chat(after="0")

    upload = (await ada.ask("GET", f"/api/uploader/upload/presigned?ext=png&type=image/png&size={len(PNG)}")).json()
    files, path = split(upload["url"])
    assert files != distributed_server.address
    page = ("Origin", distributed_server.address)
    answer = await send(files, "PUT", path, [("Content-Type", "image/png"), page], PNG)
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, distributed_server.address)
    await tab.send(FILE, json.dumps({"file_name": "a.png", "object_key": upload["object_key"]}), client_id="a-1")
    await tab.next_frame(FILE, ack=True)

    key = urlsafe_b64encode(upload["object_key"].encode()).decode()
    origin, path = split((await ben.ask("GET", f"/api/uploader/download/presigned?okb64={key}")).json()["url"])
    got = await send(origin, "GET", path, [page])
    assert (origin, got.status, got.body) == (files, 200, PNG)
    assert got.headers["Content-Type"] == "image/png"
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Content-Security-Policy"].startswith("sandbox")
    assert (await send(origin, "DELETE", path, [page])).status == 403
    await ada.go()
    await ben.go()


def split(url: str) -> tuple[str, str]:
    """The origin of an address, and the rest of it."""
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    return f"{scheme}://{host}", f"/{path}"
