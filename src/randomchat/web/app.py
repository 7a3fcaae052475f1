"""The pages: two addresses, one document, and what it needs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.responses import Response

from randomchat.infra.http_app import create_api

STATIC = Path(__file__).parent / "static"
PAGES = {"/": "index.html", "/chat": "index.html"}
ASSETS = {"/client.js": "client.js", "/style.css": "style.css", "/icon.svg": "icon.svg"}
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)


@dataclass(frozen=True)
class Asset:
    """A file as it is served, read once."""

    content: bytes
    headers: dict[str, str]

    @classmethod
    def read(cls, file: Path) -> Asset:
        content = file.read_bytes()
        headers = {
            "Content-Type": MEDIA_TYPES[file.suffix],
            "ETag": f'"{hashlib.sha256(content).hexdigest()[:16]}"',
            "Cache-Control": "no-cache",
            "Content-Security-Policy": POLICY,
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        return cls(content, headers)

    def answer(self, request: Request) -> Response:
        if request.headers.get("if-none-match") == self.headers["ETag"]:
            return Response(status_code=304, headers=self.headers)
        return Response(self.content, headers=self.headers)


def create_app() -> FastAPI:
    """The web service."""
    api = create_api("web", "The pages of the chat.")
    for path, name in PAGES.items():
        _serve(api, path, Asset.read(STATIC / name), is_page=True)
    for path, name in ASSETS.items():
        _serve(api, path, Asset.read(STATIC / name), is_page=False)
    return api


def _serve(api: FastAPI, path: str, asset: Asset, *, is_page: bool) -> None:
    async def answer(request: Request) -> Response:
        return asset.answer(request)

    page = {"description": "The page.", "content": {"text/html": {"schema": {"type": "string"}}}}
    api.add_api_route(
        path, answer, name=f"Page {path}", include_in_schema=is_page, response_class=Response, responses={200: page}
    )
    api.add_api_route(path, answer, methods=["HEAD"], include_in_schema=False, response_class=Response)
