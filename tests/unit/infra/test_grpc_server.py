"""Who may call a gRPC server, what it tells of itself, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub
from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample

from randomchat.config import SettingsError
from randomchat.errors import Unavailable
from randomchat.infra.grpc_server import STOP_S, GrpcServer
from randomchat.infra.runtime import StartupError
from randomchat.interfaces.pb import user_v1_pb2 as pb
from randomchat.interfaces.pb.user_v1_pb2_grpc import UserServiceStub
from randomchat.interfaces.user_grpc import GrpcUserApi
from randomchat.user.rpc import UserServicer
from tests.grpc_site import ADA, HOST, TOKEN, ScriptedUsers, channel_to, grpc_settings, serving

SERVICE = "randomchat.user.v1.UserService"
Metadata = tuple[tuple[str, str | bytes], ...]
GOOD: Metadata = (("authorization", f"Bearer {TOKEN}"),)


@pytest.fixture
def users() -> ScriptedUsers:
    return ScriptedUsers()


@pytest.fixture
async def server(users: ScriptedUsers) -> AsyncIterator[GrpcServer]:
    async with serving(users) as server:
        yield server


@pytest.fixture
async def line(server: GrpcServer) -> AsyncIterator[grpc.aio.Channel]:
    """What any client has that knows nothing of this product."""
    async with grpc.aio.insecure_channel(f"{HOST}:{server.port}") as line:
        yield line


def samples_of(registry: CollectorRegistry, name: str) -> list[Sample]:
    return [sample for family in registry.collect() for sample in family.samples if sample.name == name]


async def health_of(line: grpc.aio.Channel, service: str, metadata: Metadata = ()) -> int:
    answer = await HealthStub(line).Check(HealthCheckRequest(service=service), timeout=2, metadata=metadata)
    return int(answer.status)


async def call_raw(line: grpc.aio.Channel, method: str, request: bytes) -> bytes:
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = line.unary_unary(f"/{SERVICE}/{method}")
    return await call(request, timeout=2, metadata=GOOD)


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("authorization", ""),),
        (("authorization", TOKEN),),
        (("authorization", f"Bearer {TOKEN[:-1]}"),),
        (("authorization", f"Bearer {TOKEN}x"),),
        (("authorization", f"bearer {TOKEN.upper()}"),),
        (("authorization-bin", f"Bearer {TOKEN}".encode()),),
    ],
)
async def test_no_call_is_served_without_the_token(
    line: grpc.aio.Channel, users: ScriptedUsers, metadata: tuple[tuple[str, str], ...]
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await UserServiceStub(line).Authenticate(pb.AuthenticateRequest(), timeout=2, metadata=metadata)
    assert failure.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert users.asked == []


async def test_a_call_with_the_token_is_served(line: grpc.aio.Channel) -> None:
    answer = await UserServiceStub(line).Authenticate(pb.AuthenticateRequest(), timeout=2, metadata=GOOD)
    assert answer.account.name == ADA.name


async def test_anybody_may_ask_for_health(line: grpc.aio.Channel) -> None:
    assert await health_of(line, "") == HealthCheckResponse.SERVING
    assert await health_of(line, SERVICE) == HealthCheckResponse.SERVING
    assert await health_of(line, "", GOOD) == HealthCheckResponse.SERVING


async def test_the_health_of_an_unknown_service_is_not_found(line: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await health_of(line, "no.such.Service")
    assert failure.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_wrong_token_is_refused_even_for_health(line: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await health_of(line, "", (("authorization", "Bearer wrong"),))
    assert failure.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_reflection_names_the_services_to_those_with_the_token(line: grpc.aio.Channel) -> None:
    request = ServerReflectionRequest(list_services="")
    call = ServerReflectionStub(line).ServerReflectionInfo(iter([request]), timeout=2, metadata=GOOD)
    (answer,) = [answer async for answer in call]
    names = {service.name for service in answer.list_services_response.service}
    assert {SERVICE, "grpc.health.v1.Health"} <= names


async def test_reflection_without_the_token_is_refused_before_anything_is_asked(line: grpc.aio.Channel) -> None:
    call = ServerReflectionStub(line).ServerReflectionInfo(timeout=2)
    assert await call.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_an_unknown_method_is_unimplemented(line: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await call_raw(line, "Later", b"")
    assert failure.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_bytes_that_are_no_message_are_an_error_of_that_call_alone(line: grpc.aio.Channel, users: ScriptedUsers) -> None:
    with pytest.raises(grpc.aio.AioRpcError):
        await call_raw(line, "Authenticate", b"\xff\xff\xff")
    assert users.asked == []
    assert await health_of(line, "") == HealthCheckResponse.SERVING


@pytest.mark.parametrize("token", ["", "short", "x" * 31])
def test_no_server_without_a_token_of_32_characters(token: str) -> None:
    with pytest.raises(SettingsError, match=r"^grpc\.token: must have 32 characters or more$"):
        GrpcServer(grpc_settings(token=token), [])


async def test_a_port_that_is_taken_is_one_line(server: GrpcServer, users: ScriptedUsers) -> None:
    rival = GrpcServer(grpc_settings(server.port), [UserServicer(users)])
    with pytest.raises(StartupError, match=rf"can't listen on 127\.0\.0\.1:{server.port}"):
        await rival.start()


async def test_calls_are_counted_by_method_and_unknown_ones_are_not(users: ScriptedUsers) -> None:
    registry = CollectorRegistry()
    server = GrpcServer(grpc_settings(), [UserServicer(users)], registry)
    await server.start()
    async with grpc.aio.insecure_channel(f"{HOST}:{server.port}") as line:
        for method in ("Authenticate", "Authenticate", "Unheard"):
            with contextlib.suppress(grpc.aio.AioRpcError):
                await call_raw(line, method, b"")
    await server.close()
    counted = {sample.labels["method"]: sample.value for sample in samples_of(registry, "randomchat_grpc_calls_total")}
    assert counted == {f"/{SERVICE}/Authenticate": 2}


async def test_whoever_drains_says_so_and_still_answers(server: GrpcServer, line: grpc.aio.Channel) -> None:
    await server.drain()
    assert await health_of(line, "") == HealthCheckResponse.NOT_SERVING
    assert await health_of(line, SERVICE) == HealthCheckResponse.NOT_SERVING
    answer = await UserServiceStub(line).Authenticate(pb.AuthenticateRequest(), timeout=2, metadata=GOOD)
    assert answer.account.name == ADA.name


async def test_the_end_waits_for_calls_under_way_and_takes_no_new_ones(server: GrpcServer, users: ScriptedUsers) -> None:
    users.gate = asyncio.Event()
    async with channel_to(f"{HOST}:{server.port}") as channel:
        call = asyncio.create_task(GrpcUserApi(channel).authenticate("cookie"))
        await users.called.wait()
        closing = asyncio.create_task(server.close())
        await asyncio.sleep(0.1)
        with pytest.raises(Unavailable):
            await GrpcUserApi(channel).authenticate("late")
        assert not closing.done()
        users.gate.set()
        assert await call == ADA
        await closing
    assert users.asked == ["cookie"]


async def test_the_end_does_not_wait_for_ever(server: GrpcServer, users: ScriptedUsers) -> None:
    users.gate = asyncio.Event()
    async with channel_to(f"{HOST}:{server.port}", grpc_settings(timeout_s=9)) as channel:
        call = asyncio.create_task(GrpcUserApi(channel).authenticate("cookie"))
        await users.called.wait()
        start = time.monotonic()
        await server.close()
        assert time.monotonic() - start < STOP_S + 1
        with pytest.raises(Unavailable):
            await call


async def test_an_ended_server_has_let_its_port_go(users: ScriptedUsers) -> None:
    async with serving(users) as server:
        pass
    with socket.create_server((HOST, server.port)):
        pass


async def test_a_server_that_never_started_can_be_closed(users: ScriptedUsers) -> None:
    await GrpcServer(grpc_settings(), [UserServicer(users)]).close()
