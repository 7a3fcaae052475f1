"""Puts the uploader together, for the embedded mode."""

from __future__ import annotations

from fastapi import FastAPI

from randomchat.clock import Clock
from randomchat.config import Settings
from randomchat.infra.object_store import ObjectStore
from randomchat.infra.rate_limiter_memory import MemoryRateLimiter
from randomchat.interfaces.chat import ChatApi
from randomchat.uploader.admission import Admission
from randomchat.uploader.links import SignedLinks
from randomchat.uploader.rest import create_rest
from randomchat.uploader.service import UploaderService


def build_uploader_app(
    objects: ObjectStore, chat: ChatApi, link_secret: bytes, clock: Clock, settings: Settings, *, remember_s: float = 0
) -> FastAPI:
    """The parts, joined. `remember_s`: see `Admission`; where the chat is in the same process, asking it is cheap."""
    links = SignedLinks(link_secret, clock, ttl_s=settings.uploader.link_minutes * 60)
    limited = settings.limits.enabled
    service = UploaderService(objects, links, MemoryRateLimiter(clock), clock, settings.uploader, limited=limited)
    return create_rest(service, links, objects, Admission(chat, clock, remember_s=remember_s))
