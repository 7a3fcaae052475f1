"""Puts the user service together."""

from __future__ import annotations

from fastapi import FastAPI

from randomchat.clock import Clock
from randomchat.config import Settings
from randomchat.infra.rate_limiter import RateLimiter
from randomchat.interfaces.chat import ChatApi
from randomchat.user.repository import UserRepository
from randomchat.user.rest import create_app
from randomchat.user.service import UserService


class UserApp:
    """`service` implements `interfaces.user.UserApi` for the other services, `api` has the routes below `/api/user`."""

    def __init__(self, repository: UserRepository, chat: ChatApi, limiter: RateLimiter, clock: Clock, settings: Settings) -> None:
        self.service = UserService(repository, chat, limiter, clock, settings=settings.user, limits=settings.limits)
        self.api: FastAPI = create_app(self.service, settings)
