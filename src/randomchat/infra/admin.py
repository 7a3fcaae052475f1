"""Health and metrics, for operators and their machines alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from randomchat.errors import NotFound, RandomchatError
from randomchat.infra.http_errors import error_response

CHECK_TIMEOUT_S = 1.0

Check = Callable[[], Awaitable[str | None]]

_log = structlog.get_logger()


class Readiness:
    """Whether the process can do its work: what it depends on, by name."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._stopping = False

    def add(self, name: str, check: Check) -> None:
        """`check`: None where all is well, else one line that says why not. It may take 1 s."""
        self._checks[name] = check

    def stop(self) -> None:
        """From now on the process is going away, and not ready."""
        self._stopping = True

    async def report(self, exclude: Container[str] = ()) -> tuple[bool, dict[str, str]]:
        """Whether all is well, and "ok" or the reason why not of each dependency; those in `exclude` are not asked."""
        asked = {name: check for name, check in self._checks.items() if name not in exclude}
        results = await asyncio.gather(*(_reason(name, check) for name, check in asked.items()))
        checks = {name: reason or "ok" for name, reason in zip(asked, results, strict=True)}
        if self._stopping:
            checks["process"] = "going away"
        return all(reason == "ok" for reason in checks.values()), checks


class AdminApp:
    """An ASGI application: `/livez` (the process runs), `/readyz` (it can do its work), `/metrics` (for Prometheus).

    `/readyz?exclude=kafka&exclude=redis` leaves out what the asker can do without: a load balancer that took away all processes
    because an engine is away would make things worse.
    """

    def __init__(self, readiness: Readiness, registry: CollectorRegistry) -> None:
        self.readiness = readiness
        self._registry = registry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(scope["method"], scope["path"], scope.get("query_string", b""))
        response.headers["Cache-Control"] = "no-store"
        await response(scope, receive, send)

    async def _answer(self, method: str, path: str, query: bytes) -> Response:
        if path not in {"/livez", "/readyz", "/metrics"}:
            return error_response(NotFound())
        if method not in {"GET", "HEAD"}:
            return error_response(RandomchatError(code="method_not_allowed"), {"Allow": "GET, HEAD"})
        if path == "/livez":
            return JSONResponse({"live": True})
        if path == "/metrics":
            return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)
        exclude = QueryParams(query).getlist("exclude")
        ready, checks = await self.readiness.report(exclude)
        return JSONResponse({"ready": ready, "checks": checks}, 200 if ready else 503)


async def _reason(name: str, check: Check) -> str | None:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            return await check()
    except TimeoutError:
        return f"no answer within {CHECK_TIMEOUT_S:.0f} s"
    except RandomchatError as error:
        return error.message
    except Exception as error:  # noqa: BLE001 - whatever it is, it says: not ready
        _log.warning("a readiness check failed", check=name, exc_info=error)
        return f"the check failed: {type(error).__name__}"
