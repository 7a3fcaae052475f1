"""The calling side of gRPC: the way from this process to all processes of another service."""

from __future__ import annotations

import json
from typing import TypeVar

import grpc
import structlog
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from randomchat.clock import SystemClock
from randomchat.config import GrpcSettings
from randomchat.errors import RandomchatError, Unavailable
from randomchat.infra.circuit_breaker import CircuitBreaker
from randomchat.infra.grpc_credentials import CallToken, channel_credentials
from randomchat.infra.grpc_errors import find_refusal

CHECK_TIMEOUT_S = 0.8
"""Less than a readiness check may take, so that the reason is told."""
_SILENCE = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}

OPTIONS: tuple[tuple[str, str | int], ...] = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),  # in truth: how long one attempt to connect may take
    ("grpc.max_reconnect_backoff_ms", 800),
    ("grpc.dns_min_time_between_resolutions_ms", 1000),
    ("grpc.keepalive_time_ms", 5000),  # a machine that vanished says no goodbye
    ("grpc.keepalive_timeout_ms", 2000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),  # services reach each other directly, whatever the environment says
)

Request = TypeVar("Request")
Response = TypeVar("Response")

_log = structlog.get_logger(__name__)


def open_channel(target: str, settings: GrpcSettings, name: str, service: ServiceDescriptor) -> GrpcChannel:
    """The way to `service`, called `name` in logs, which answers at `target`: host:port, or any name that gRPC resolves.

    Needs a running event loop. Raises `SettingsError` where the token or a certificate can't be used.
    """
    token, credentials = CallToken(settings), channel_credentials(settings.tls)
    options = (*OPTIONS, ("grpc.service_config", service_config(service)))
    if credentials is None:
        channel = grpc.aio.insecure_channel(target, options)
    else:
        channel = grpc.aio.secure_channel(target, credentials, options)
    return GrpcChannel(channel, CircuitBreaker(SystemClock()), token, name=name, target=target, timeout_s=settings.timeout_s)


def service_config(service: ServiceDescriptor) -> str:
    """What gRPC is to do by itself.

    Calls go round all processes of the service but those that say that they are going away. A call that its `.proto` calls
    idempotent is repeated where it had no answer. (The `timeout` of this format makes calls fail at once; it is not used.)
    """
    repeatable = [
        {"service": service.full_name, "method": method.name}
        for method in service.methods
        if method.GetOptions().idempotency_level != MethodOptions.IDEMPOTENCY_UNKNOWN
    ]
    retry_policy = {
        "maxAttempts": 4,
        "initialBackoff": "0.05s",
        "maxBackoff": "0.2s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],  # the latter by a server that ends
    }
    return json.dumps(
        {
            "loadBalancingConfig": [{"round_robin": {}}],
            "healthCheckConfig": {"serviceName": ""},
            "methodConfig": [{"name": repeatable, "retryPolicy": retry_policy}] if repeatable else [],
        }
    )


class GrpcChannel:
    """Calls a service, with a deadline, and turns whatever goes wrong into an error of `errors.py`.

    A refusal of the service comes out as it was raised there. Everything else is `Unavailable`: nobody there, no answer in
    time, a failure inside the service, a token or a certificate that the other side does not take.
    """

    def __init__(
        self, channel: grpc.aio.Channel, breaker: CircuitBreaker, token: CallToken, *, name: str, target: str, timeout_s: float
    ) -> None:
        self.grpc = channel
        self.timeout_s = timeout_s
        self._breaker = breaker
        self._metadata = token.metadata
        self._name = name
        self._target = target
        self._trouble: grpc.StatusCode | None = None
        self._health = HealthStub(channel)

    async def start(self) -> None:
        """Begin to connect, in the background and for as long as it takes."""
        self.grpc.get_state(try_to_connect=True)

    async def close(self) -> None:
        """End the calls under way, and the connections."""
        await self.grpc.close()

    async def check(self) -> None:
        """Raise `Unavailable`, with one line that names the service and its address, unless it answers and takes the token."""
        request = HealthCheckRequest()
        try:
            answer = await self._health.Check(request, timeout=CHECK_TIMEOUT_S, metadata=self._metadata)
        except grpc.aio.AioRpcError as failure:
            if failure.code() is grpc.StatusCode.UNAUTHENTICATED:
                raise Unavailable(f"the {self._name} at {self._target} does not take this process's grpc.token") from None
            raise Unavailable(f"the {self._name} does not answer at {self._target}") from None
        if answer.status != HealthCheckResponse.SERVING:
            raise Unavailable(f"the {self._name} at {self._target} is going away")

    async def call(
        self, method: grpc.aio.UnaryUnaryMultiCallable[Request, Response], request: Request, *, timeout_s: float | None = None
    ) -> Response:
        """Make one call. `timeout_s`: how long it may take with its repetitions, where that is less than `grpc.timeout_s`."""
        if not self._breaker.admits_call():
            raise Unavailable
        limit_s = self.timeout_s if timeout_s is None else min(timeout_s, self.timeout_s)
        try:
            response = await method(request, timeout=max(limit_s, 0), metadata=self._metadata)
        except grpc.aio.AioRpcError as failure:
            raise self._error_of(failure) from None
        self._note_answer()
        return response

    def _error_of(self, failure: grpc.aio.AioRpcError) -> RandomchatError:
        refusal = find_refusal(failure)
        if refusal is not None:
            self._note_answer()
            return refusal
        if failure.code() in _SILENCE:
            self._breaker.note_silence()
            if self._breaker.is_open:
                self._note_trouble(failure)
        else:
            self._breaker.note_answer()
            self._note_trouble(failure)
        return Unavailable()

    def _note_answer(self) -> None:
        self._breaker.note_answer()
        if self._trouble is not None:
            self._trouble = None
            _log.info("a service answers again", service=self._name, address=self._target)

    def _note_trouble(self, failure: grpc.aio.AioRpcError) -> None:
        """Say once what is wrong, not with each call."""
        if self._trouble is failure.code():
            return
        self._trouble = failure.code()
        _log.warning(
            "a service does not answer as it should",
            service=self._name,
            address=self._target,
            status=failure.code().name,
            reason=failure.details(),
        )
