"""Puts the uploader together, for both modes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fastapi import FastAPI

from randomchat.clock import Clock
from randomchat.config import Settings
from randomchat.infra.object_store import ObjectStore
from randomchat.infra.rate_limiter import RateLimiter
from randomchat.interfaces.chat import ChatApi
from randomchat.uploader.admission import Admission
from randomchat.uploader.links import Links
from randomchat.uploader.links_signed import SignedLinks
from randomchat.uploader.pace import Pace
from randomchat.uploader.rest import create_rest
from randomchat.uploader.service import UploaderService

if TYPE_CHECKING:
    from randomchat.infra.s3 import S3


def build_uploader_app(
    objects: ObjectStore,
    chat: ChatApi,
    link_secret: bytes,
    clock: Clock,
    settings: Settings,
    *,
    limiter: RateLimiter,
    s3: S3 | None = None,
    remember_s: float = 0,
) -> FastAPI:
    """The parts, joined. `s3`: where `objects` are there, the bucket to which links may lead past this server.

    `remember_s`: see `Admission`; where the chat is in the same process, asking it is cheap.
    """
    ttl_s = settings.uploader.link_minutes * 60
    own = SignedLinks(link_secret, clock, ttl_s=ttl_s)
    links = own if s3 is None else _past_this_server(s3, own, ttl_s)
    service = UploaderService(objects, links, limiter, clock, settings.uploader, limited=settings.limits.enabled)
    slow_s = settings.uploader.slow_s
    pace = Pace(math.ceil(settings.uploader.least_bytes_per_second * slow_s), slow_s)
    return create_rest(service, own, objects, Admission(chat, clock, remember_s=remember_s), pace)


def _past_this_server(s3: S3, own: SignedLinks, ttl_s: float) -> Links:
    from randomchat.uploader.links_s3 import S3Links  # noqa: PLC0415 - it stands on a driver that embedded mode does not load

    return S3Links(s3, own, ttl_s=ttl_s)
