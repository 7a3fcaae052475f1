"""The user service put together, for the embedded mode."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI

from randomchat.clock import Clock
from randomchat.config import Settings
from randomchat.infra.rate_limiter_memory import MemoryRateLimiter
from randomchat.infra.retention import Retention
from randomchat.infra.sqlite import SqliteDatabase
from randomchat.interfaces.chat import ChatApi
from randomchat.user.repository_sqlite import SqliteUserRepository
from randomchat.user.rest import create_app
from randomchat.user.service import UserService


@dataclass(frozen=True, slots=True)
class UserApp:
    """What a process needs of the user service: `service` for its peers, `api` to serve, `retention` to start and stop."""

    service: UserService
    api: FastAPI
    retention: Retention


def build_user_app(database: SqliteDatabase, chat: ChatApi, clock: Clock, settings: Settings) -> UserApp:
    """The parts, joined. `database` has been opened with `USER_SCHEMA`."""
    repository = SqliteUserRepository(database)
    limiter = MemoryRateLimiter(clock)
    service = UserService(repository, chat, limiter, clock, settings=settings.user, limits=settings.limits)
    retention = Retention("user", repository.delete_expired, settings.retention, clock)
    return UserApp(service, create_app(service, settings), retention)
