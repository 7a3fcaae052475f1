"""Health and metrics."""

import asyncio
import json
from typing import Any

from prometheus_client import CollectorRegistry, Counter
from starlette.types import Message

from randomchat.errors import Unavailable
from randomchat.infra import admin
from randomchat.infra.admin import AdminApp, Readiness


async def fine() -> str | None:
    return None


async def ask(app: AdminApp, path: str, method: str = "GET") -> tuple[int, str]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    path, _, query = path.partition("?")
    scope: Any = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": []}
    await app(scope, None, send)  # type: ignore[arg-type]
    return sent[0]["status"], sent[1]["body"].decode()


async def test_a_process_is_live_before_it_is_ready() -> None:
    readiness = Readiness()
    readiness.add("database", lambda: asyncio.sleep(0, "no disk"))
    app = AdminApp(readiness, CollectorRegistry())
    assert (await ask(app, "/livez"))[0] == 200
    status, body = await ask(app, "/readyz")
    assert (status, json.loads(body)) == (503, {"ready": False, "checks": {"database": "no disk"}})


async def test_a_process_is_ready_where_everything_answers() -> None:
    readiness = Readiness()
    readiness.add("database", fine)
    readiness.add("clock", fine)
    status, body = await ask(AdminApp(readiness, CollectorRegistry()), "/readyz")
    assert (status, json.loads(body)) == (200, {"ready": True, "checks": {"database": "ok", "clock": "ok"}})


async def test_whoever_can_do_without_a_dependency_leaves_it_out() -> None:
    readiness = Readiness()
    readiness.add("cassandra", fine)
    readiness.add("kafka", lambda: asyncio.sleep(0, "away"))
    app = AdminApp(readiness, CollectorRegistry())
    assert (await ask(app, "/readyz"))[0] == 503
    status, body = await ask(app, "/readyz?exclude=kafka&exclude=nothing")
    assert (status, json.loads(body)) == (200, {"ready": True, "checks": {"cassandra": "ok"}})


async def test_a_process_that_goes_away_is_not_ready() -> None:
    readiness = Readiness()
    readiness.add("database", fine)
    readiness.stop()
    assert await readiness.report() == (False, {"database": "ok", "process": "going away"})


async def test_a_check_that_hangs_or_breaks_is_named_and_holds_nothing_up() -> None:
    async def hang() -> str | None:
        await asyncio.Event().wait()
        return None

    async def refuse() -> str | None:
        raise Unavailable("the database is away")

    async def crash() -> str | None:
        raise ValueError

    readiness = Readiness()
    for name, check in {"hangs": hang, "refuses": refuse, "crashes": crash, "works": fine}.items():
        readiness.add(name, check)
    started = asyncio.get_running_loop().time()
    ready, checks = await readiness.report()
    assert asyncio.get_running_loop().time() - started < admin.CHECK_TIMEOUT_S + 0.5
    assert not ready
    assert checks == {
        "hangs": "no answer within 1 s",
        "refuses": "the database is away",
        "crashes": "the check failed: ValueError",
        "works": "ok",
    }


async def test_metrics_are_those_of_the_registry() -> None:
    registry = CollectorRegistry()
    Counter("randomchat_tests", "Tests.", registry=registry).inc()
    status, body = await ask(AdminApp(Readiness(), registry), "/metrics")
    assert status == 200
    assert "randomchat_tests_total 1.0" in body


async def test_there_is_nothing_else() -> None:
    app = AdminApp(Readiness(), CollectorRegistry())
    assert (await ask(app, "/"))[0] == 404
    assert (await ask(app, "/metrics", "POST"))[0] == 405
