"""Calls to another service: deadlines, repetitions, refusals, and how much is asked of a peer that is silent."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import structlog
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health_pb2

from randomchat.config import SettingsError
from randomchat.errors import RandomchatError, Unauthorized, Unavailable
from randomchat.infra.circuit_breaker import THRESHOLD
from randomchat.infra.grpc_channel import open_channel, service_config
from randomchat.infra.grpc_server import GrpcServer
from randomchat.interfaces.chat_grpc import CHAT_SERVICE
from randomchat.interfaces.pb import user_v1_pb2 as pb
from randomchat.interfaces.user_grpc import USER_SERVICE, GrpcUserApi
from randomchat.user.rpc import UserServicer
from tests.grpc_site import (
    ADA,
    HOST,
    ScriptedUsers,
    channel_to,
    grpc_settings,
    reached_over_grpc,
    seconds_until_answer,
    serving,
)

SECRET = "a-cookie-that-nobody-may-read"


@pytest.fixture
def users() -> ScriptedUsers:
    return ScriptedUsers()


@pytest.fixture
async def server(users: ScriptedUsers) -> AsyncIterator[GrpcServer]:
    async with serving(users) as server:
        yield server


@pytest.fixture
async def api(server: GrpcServer) -> AsyncIterator[GrpcUserApi]:
    async with channel_to(f"{HOST}:{server.port}", grpc_settings(timeout_s=0.5)) as channel:
        yield GrpcUserApi(channel)


class FlakyServicer(UserServicer):
    """Loses its first calls, as a connection that breaks does."""

    def __init__(self, users: ScriptedUsers, losses: int, status: grpc.StatusCode) -> None:
        super().__init__(users)
        self.calls, self._losses, self._status = 0, losses, status

    async def Authenticate(self, request: pb.AuthenticateRequest, context: Any) -> pb.AuthenticateResponse:  # noqa: N802
        self.calls += 1
        if self.calls <= self._losses:
            await context.abort(self._status, "lost")
        return await super().Authenticate(request, context)


async def test_many_calls_at_once_share_the_connection(api: GrpcUserApi, users: ScriptedUsers) -> None:
    answers = await asyncio.gather(*(api.authenticate(f"cookie {number}") for number in range(200)))
    assert answers == [ADA] * 200
    assert sorted(users.asked) == sorted(f"cookie {number}" for number in range(200))


async def test_a_call_ends_at_its_deadline(api: GrpcUserApi, users: ScriptedUsers) -> None:
    users.gate = asyncio.Event()
    start = time.monotonic()
    with pytest.raises(Unavailable):
        await api.authenticate("cookie")
    assert 0.4 < time.monotonic() - start < 1.5


async def test_a_failure_inside_the_service_is_unavailable_and_logged_there_without_the_cookie(
    api: GrpcUserApi, users: ScriptedUsers
) -> None:
    users.failure = ZeroDivisionError("division by zero")
    with structlog.testing.capture_logs() as logs, pytest.raises(Unavailable):
        await api.authenticate(SECRET)
    assert (logs[0]["log_level"], logs[0]["event"]) == ("error", "a call failed")
    assert SECRET not in str(logs)


async def test_a_refusal_says_nothing_in_the_log(api: GrpcUserApi, users: ScriptedUsers) -> None:
    users.failure = Unauthorized("You are not signed in.")
    with structlog.testing.capture_logs() as logs, pytest.raises(Unauthorized):
        await api.authenticate(SECRET)
    assert logs == []


@pytest.mark.parametrize("status", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED])
async def test_a_call_that_was_lost_is_made_again(users: ScriptedUsers, status: grpc.StatusCode) -> None:
    servicer = FlakyServicer(users, losses=2, status=status)
    async with reached_over_grpc(servicer, USER_SERVICE) as channel:
        assert await GrpcUserApi(channel).authenticate("cookie") == ADA
    assert servicer.calls == 3


async def test_what_the_service_refuses_is_not_asked_again(api: GrpcUserApi, users: ScriptedUsers) -> None:
    users.failure = Unavailable("The store does not answer.")
    with pytest.raises(Unavailable, match="The store does not answer"):
        await api.authenticate("cookie")
    assert len(users.asked) == 1


@pytest.mark.parametrize("service", [USER_SERVICE, CHAT_SERVICE])
def test_what_the_proto_calls_idempotent_is_repeated_and_nothing_has_a_time_limit_there(service: ServiceDescriptor) -> None:
    (config,) = json.loads(service_config(service))["methodConfig"]
    assert {name["method"] for name in config["name"]} == set(service.methods_by_name)
    assert "timeout" not in config


def test_what_no_proto_calls_idempotent_is_not_repeated() -> None:
    assert json.loads(service_config(health_pb2.DESCRIPTOR.services_by_name["Health"]))["methodConfig"] == []


async def test_after_some_calls_in_silence_the_next_ones_fail_at_once(api: GrpcUserApi, users: ScriptedUsers) -> None:
    users.gate = asyncio.Event()
    with structlog.testing.capture_logs() as logs:
        await asyncio.gather(*(api.authenticate("cookie") for _ in range(THRESHOLD)), return_exceptions=True)
        asked, start = len(users.asked), time.monotonic()
        for _ in range(50):
            with pytest.raises(Unavailable):
                await api.authenticate("cookie")
    assert time.monotonic() - start < 0.4
    assert len(users.asked) == asked
    assert [log["event"] for log in logs] == ["a service does not answer as it should"]


async def test_a_peer_that_answers_again_is_asked_again(api: GrpcUserApi, users: ScriptedUsers) -> None:
    users.gate = asyncio.Event()
    await asyncio.gather(*(api.authenticate("cookie") for _ in range(THRESHOLD)), return_exceptions=True)
    users.gate.set()
    with structlog.testing.capture_logs() as logs:
        assert 0 < await seconds_until_answer(api) < 2
        assert await api.authenticate("cookie") == ADA
    assert [log["event"] for log in logs] == ["a service answers again"]


@pytest.mark.parametrize("failure", [Unauthorized(), Unavailable(), ZeroDivisionError()], ids=repr)
async def test_answers_that_are_refusals_are_no_silence(api: GrpcUserApi, users: ScriptedUsers, failure: Exception) -> None:
    users.failure = failure
    with structlog.testing.capture_logs():
        for _ in range(3 * THRESHOLD):
            with pytest.raises(RandomchatError):
                await api.authenticate("cookie")
    assert len(users.asked) == 3 * THRESHOLD
    users.failure = None
    assert await api.authenticate("cookie") == ADA


async def test_a_call_given_up_by_its_caller_is_given_up_at_the_service(api: GrpcUserApi, users: ScriptedUsers) -> None:
    users.gate = asyncio.Event()
    call = asyncio.create_task(api.authenticate("cookie"))
    await users.called.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    users.gate.set()
    assert await api.authenticate("another cookie") == ADA
    assert users.asked == ["cookie", "another cookie"]


async def test_another_token_is_not_taken_and_the_check_says_so(server: GrpcServer, users: ScriptedUsers) -> None:
    target = f"{HOST}:{server.port}"
    async with channel_to(target, grpc_settings(token="another-" * 4)) as channel:
        with structlog.testing.capture_logs() as logs:
            for _ in range(2):
                with pytest.raises(Unavailable, match="A part of the service is away"):
                    await GrpcUserApi(channel).authenticate(SECRET)
        with pytest.raises(Unavailable, match=rf"^the user service at {target} does not take this process's grpc\.token$"):
            await channel.check()
    assert users.asked == []
    assert [log["status"] for log in logs] == ["UNAUTHENTICATED"]
    assert SECRET not in str(logs)
    assert "another-" not in str(logs)


async def test_the_check_of_a_service_that_is_well_says_nothing(server: GrpcServer) -> None:
    async with channel_to(f"{HOST}:{server.port}") as channel:
        await channel.check()


async def test_the_check_names_who_does_not_answer_and_where() -> None:
    async with channel_to("127.0.0.1:1") as channel:
        with pytest.raises(Unavailable, match=r"^the user service does not answer at 127\.0\.0\.1:1$"):
            await channel.check()


@pytest.mark.parametrize("token", ["", "short", "x" * 31, "ü" * 40, "x\n" * 20])
async def test_no_channel_without_a_token_that_can_be_used(token: str) -> None:
    with pytest.raises(SettingsError, match=r"^grpc\.token: "):
        open_channel("127.0.0.1:1", grpc_settings(token=token), "user service", USER_SERVICE)
