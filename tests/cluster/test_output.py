"""What all processes and nginx write: no credential, no query, no word of a conversation, at the most talkative level."""

from __future__ import annotations

import contextlib
import re

from websockets.exceptions import WebSocketException

from tests.cluster.people import pair
from tests.deployment import DistributedServer
from tests.e2e.stranger import Stranger

CREDENTIAL = re.compile(r"eyJ[\w-]|sid=|access_token=")


async def test_no_log_holds_a_credential_or_a_query_whether_services_are_there_or_away(site: DistributedServer) -> None:
    chats = site.services.processes["chat"]
    async with pair(site.address, chats[0], chats[1]) as two:
        await two.pass_words("a private word", 10)
        people = [two.ada, two.ben]
        for person in people:
            person.address = site.address
            await use_everything(person)
        for process in [*chats, *site.services.processes["user"]]:
            process.kill()
        for person in people:
            await use_everything(person)
    site.start()
    site.wait_until_ready()
    logs = everything_written(site)
    assert '"GET /api/chat HTTP/1.1" 101' in logs["nginx/access.log"]
    assert '"GET /api/chat HTTP/1.1" 50' in logs["nginx/access.log"]
    secrets = [secret for person in people for secret in person.secrets]
    for place, text in logs.items():
        assert [secret for secret in [*secrets, "private"] if secret in text] == [], place
        assert CREDENTIAL.search(text) is None, place
    assert "?" not in logs["nginx/access.log"]


async def use_everything(person: Stranger) -> None:
    """Come in by a token in the query and by a cookie; an answer may be missing."""
    with contextlib.suppress(OSError, WebSocketException):
        tab = await person.open_chat(after="0")
        await tab.leave()
    for path in ("/?q=private", f"/api/user/me?access_token={person.token}", f"/api/chat/users?access_token={person.token}"):
        with contextlib.suppress(OSError):
            await person.ask("GET", path)


def everything_written(site: DistributedServer) -> dict[str, str]:
    """By file, since the services were first started: every one of their folders."""
    files = [file for file in site.services.folder.rglob("*.log") if file.is_file()]
    assert len(files) > len(site.services.all), "nginx too"
    return {str(file.relative_to(site.services.folder)): file.read_text(errors="replace") for file in files}
