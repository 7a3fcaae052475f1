"""A user service that answers as a test tells it to, in this process or in one of its own, and ways to reach it over gRPC.

As a program it serves on the port that it is given, and says so.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvloop
from google.protobuf.descriptor import ServiceDescriptor

from randomchat.config import GrpcSettings, TlsSettings
from randomchat.errors import Unavailable
from randomchat.ids import UserId
from randomchat.infra.grpc_channel import GrpcChannel, open_channel
from randomchat.infra.grpc_server import GrpcServer, Servicer
from randomchat.interfaces.user import Account
from randomchat.interfaces.user_grpc import USER_SERVICE, GrpcUserApi
from randomchat.user.rpc import UserServicer

TOKEN = "x7" * 16
HOST = "127.0.0.1"
ADA = Account(UserId((1 << 63) - 1), "Ada 李 👩‍👩‍👧", "https://pictures.example/1")


def grpc_settings(port: int = 0, *, token: str = TOKEN, timeout_s: float = 3, tls: TlsSettings | None = None) -> GrpcSettings:
    return GrpcSettings.model_validate(
        {"host": HOST, "port": port, "token": token, "timeout_s": timeout_s, "tls": tls or TlsSettings()}
    )


class ScriptedUsers:
    """`UserApi` that knows Ada by every token. `failure`: what it raises instead. `gate`: what it waits for before it answers."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.asked: list[str] = []
        self.called = asyncio.Event()

    async def authenticate(self, session_token: str) -> Account:
        self.asked.append(session_token)
        self.called.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return ADA


@asynccontextmanager
async def serving(users: ScriptedUsers, settings: GrpcSettings | None = None) -> AsyncIterator[GrpcServer]:
    server = GrpcServer(settings or grpc_settings(), [UserServicer(users)])
    await server.start()
    try:
        yield server
    finally:
        await server.close()


@asynccontextmanager
async def channel_to(target: str, settings: GrpcSettings | None = None) -> AsyncIterator[GrpcChannel]:
    channel = open_channel(target, settings or grpc_settings(), "user service", USER_SERVICE)
    await channel.start()
    try:
        yield channel
    finally:
        await channel.close()


@asynccontextmanager
async def reached_over_grpc(servicer: Servicer, service: ServiceDescriptor) -> AsyncIterator[GrpcChannel]:
    """The way to a servicer, through real sockets."""
    server = GrpcServer(grpc_settings(), [servicer])
    await server.start()
    channel = open_channel(f"{HOST}:{server.port}", grpc_settings(), "service", service)
    await channel.start()
    try:
        yield channel
    finally:
        await channel.close()
        await server.close()


async def seconds_until_answer(api: GrpcUserApi, patience_s: float = 10) -> float:
    """How long it takes until a call is answered, asking again and again as callers do."""
    start = time.monotonic()
    while True:
        try:
            await api.authenticate("cookie")
            return time.monotonic() - start
        except Unavailable:
            assert time.monotonic() - start < patience_s, "no answer"
            await asyncio.sleep(0.02)


async def _serve_for_ever(port: int) -> None:
    async with serving(ScriptedUsers(), grpc_settings(port)) as server:
        sys.stdout.write(f"{server.port}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve_for_ever(int(sys.argv[1])))
