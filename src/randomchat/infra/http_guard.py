"""What stands before all services: which host names are served, whose pages may ask, and which service a path belongs to."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from randomchat.config import Settings
from randomchat.errors import NotFound, RandomchatError
from randomchat.infra.http_errors import error_response
from randomchat.infra.websocket import refuse_upgrade

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a page comes from. `port` is the scheme's own where none was named."""

    scheme: str
    host: str
    port: int


def parse_origin(text: str) -> Origin | None:
    """The origin that a URL or an `Origin` header names; None for `null` and for nonsense."""
    try:
        parts = urlsplit(text)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or port is None or parts.username is not None:
        return None
    return Origin(parts.scheme, parts.hostname, port)


def split_host(text: str) -> tuple[str, int | None]:
    """Name and port of a `Host` header; an IPv6 address loses its brackets. ("", None) for nonsense."""
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError:
        return "", None
    if parts.netloc != text or parts.username is not None:
        return "", None
    return (parts.hostname or "").rstrip("."), port


class HostRule:
    """Which host names are served: our own and those of the settings. The port does not matter.

    It stops DNS rebinding, by which a page of another site has its own name point at this server. An address can't be
    rebound: where the server is bound to all addresses, each of them is served.
    """

    def __init__(self, settings: Settings) -> None:
        bound, public = settings.host.lower(), parse_origin(settings.public_url)
        self._any_address = bound in {"0.0.0.0", "::", ""}  # noqa: S104 - compared, not bound
        self._names = {"localhost", "127.0.0.1", "::1", bound, *(split_host(name)[0] for name in settings.allowed_hosts)}
        if public:
            self._names.add(public.host)
        self._names.discard("")

    def allows(self, host: str) -> bool:
        name, _ = split_host(host)
        return name in self._names or (self._any_address and _is_address(name))


class OriginRule:
    """Whose pages may change state here: our own, wherever people's browsers see them, and those of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._own = parse_origin(settings.public_url)
        self._others = {parse_origin(origin) for origin in settings.allowed_origins} - {None}

    def allows(self, headers: Mapping[bytes, list[bytes]], host: str) -> bool:
        origins = [parse_origin(value.decode("latin-1")) for value in headers.get(b"origin", [])]
        if any(origin is None or not (self._is_own(origin, host) or origin in self._others) for origin in origins):
            return False
        invited = bool(origins) and all(origin in self._others for origin in origins)
        return invited or b"cross-site" not in headers.get(b"sec-fetch-site", [])

    def _is_own(self, origin: Origin, host: str) -> bool:
        """The scheme does not count: behind a proxy the server does not know it for sure."""
        name, port = split_host(host)
        own_ports = {port} if port else set(_DEFAULT_PORTS.values())
        return origin == self._own or (origin.host == name and origin.port in own_ports)


class HttpGuard:
    """Refuses requests and upgrades that no page of ours would send, before any service sees them."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = _with_cors(app, settings.allowed_origins)
        self._hosts, self._origins = HostRule(settings), OriginRule(settings)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        code = self._refusal(scope)
        if code is None:
            return self._app(scope, receive, send)
        return answer_error(scope, receive, send, RandomchatError(code=code))

    def _refusal(self, scope: Scope) -> str | None:
        headers = _by_name(scope["headers"])
        hosts = headers.get(b"host", [])
        host = hosts[0].decode("latin-1") if len(hosts) == 1 else ""
        if not self._hosts.allows(host):
            return "host_not_allowed"
        reads_only = scope["type"] == "http" and scope["method"] in _SAFE_METHODS
        if not reads_only and not self._origins.allows(headers, host):
            return "origin_not_allowed"
        return None


class ServiceRouter:
    """Hands each path to the service with the longest prefix: `/api/user` has `/api/user/me`, but not `/api/userx`."""

    def __init__(self, services: Mapping[str, ASGIApp]) -> None:
        self._services = sorted(services.items(), key=lambda item: len(item[0]), reverse=True)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        path = scope["path"]
        for prefix, app in self._services:
            if path == prefix or path.startswith(prefix.rstrip("/") + "/"):
                return app(scope, receive, send)
        return answer_error(scope, receive, send, NotFound())


async def answer_error(scope: Scope, receive: Receive, send: Send, error: RandomchatError) -> None:
    """Refuse a request or an upgrade."""
    if scope["type"] == "websocket":
        await refuse_upgrade(scope, receive, send, error)
    else:
        await error_response(error)(scope, receive, send)


def _with_cors(app: ASGIApp, origins: list[str]) -> ASGIApp:
    if not origins:
        return app
    return CORSMiddleware(app, allow_origins=origins, allow_credentials=True, allow_methods=["*"], allow_headers=["*"])


def _by_name(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, list[bytes]]:
    by_name: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        by_name.setdefault(name, []).append(value)
    return by_name


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
