"""The pages: two addresses, one document, and what it needs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from mimetypes import guess_type
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.responses import Response

from randomchat.infra.http_app import create_api
from randomchat.infra.runtime import StartupError

DIST = Path(__file__).parent / "dist"
"""The browser client, as it was built from `frontend/`."""
PAGES = ("/", "/chat")
PAGE = "/index.html"
HASHED = "/assets/"
"""Below, a file's name has a hash of its content: it never changes."""
ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""The copies that may lie beside a file, best first."""


def policy(files_origin: str) -> str:
    """What a page may load and whom it may ask (CSP). `files_origin`: where files are, if that is not here."""
    files = f" {files_origin}" if files_origin else ""
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:{files}; "
        f"media-src 'self' blob:{files}; connect-src 'self'{files}; font-src 'self'; manifest-src 'self'; worker-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types svelte-trusted-html app"
    )


@dataclass(frozen=True)
class Asset:
    """A file as it is served, read once. `encoded`: its compressed copies, best first."""

    content: bytes
    encoded: dict[str, bytes]
    headers: dict[str, str]

    @classmethod
    def read(cls, file: Path, path: str, files_origin: str) -> Asset:
        content = file.read_bytes()
        copies = {encoding: file.with_name(file.name + suffix) for encoding, suffix in ENCODINGS.items()}
        headers = {
            "Content-Type": _media_type(file.name),
            "ETag": f'W/"{hashlib.sha256(content).hexdigest()[:16]}"',
            "Cache-Control": "public, max-age=31536000, immutable" if path.startswith(HASHED) else "no-cache",
            "Vary": "Accept-Encoding",
            "Content-Security-Policy": policy(files_origin),
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        return cls(content, {encoding: copy.read_bytes() for encoding, copy in copies.items() if copy.is_file()}, headers)

    def answer(self, request: Request) -> Response:
        if request.headers.get("if-none-match") == self.headers["ETag"]:
            return Response(status_code=304, headers=self.headers)
        accepted = _accepted(request.headers.get("accept-encoding", ""))
        for encoding, content in self.encoded.items():
            if encoding in accepted:
                return Response(content, headers={**self.headers, "Content-Encoding": encoding})
        return Response(self.content, headers=self.headers)


def create_app(files_origin: str = "", dist: Path = DIST) -> FastAPI:
    """The web service. `files_origin`: see `policy`. Raises `StartupError` where the client is not built."""
    if not (dist / PAGE[1:]).is_file():
        raise StartupError(f"The browser client is not built: there is no {dist / PAGE[1:]}. `make client` builds it.")
    assets = _read_assets(dist, files_origin)
    page = assets.pop(PAGE)
    api = create_api("web", "The pages of the chat.")
    for path in PAGES:
        _serve(api, path, page, is_page=True)
    for path, asset in assets.items():
        _serve(api, path, asset, is_page=False)
    return api


def _serve(api: FastAPI, path: str, asset: Asset, *, is_page: bool) -> None:
    async def answer(request: Request) -> Response:
        return asset.answer(request)

    html = {"description": "The page.", "content": {"text/html": {"schema": {"type": "string"}}}}
    api.add_api_route(
        path, answer, name=f"Page {path}", include_in_schema=is_page, response_class=Response, responses={200: html}
    )
    api.add_api_route(path, answer, methods=["HEAD"], include_in_schema=False, response_class=Response)


def _read_assets(dist: Path, files_origin: str) -> dict[str, Asset]:
    """Everything that was built, by its path; compressed copies and hidden files are none of their own."""
    files = {f"/{file.relative_to(dist).as_posix()}": file for file in dist.rglob("*") if file.is_file()}
    return {
        path: Asset.read(file, path, files_origin)
        for path, file in files.items()
        if not file.name.startswith(".") and file.suffix not in ENCODINGS.values()
    }


def _media_type(name: str) -> str:
    kind = guess_type(name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") or kind.endswith(("javascript", "json")) else kind


def _accepted(header: str) -> set[str]:
    """The encodings of an `Accept-Encoding` header that are not refused."""
    offers = [[part.strip() for part in offer.split(";")] for offer in header.lower().split(",")]
    return {name for name, *weights in offers if not any(weight in {"q=0", "q=0.0", "q=0.00", "q=0.000"} for weight in weights)}
