"""What stands before each call of a gRPC server: who may call, and what a failure tells."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, TypeAlias

import grpc
import structlog
from prometheus_client import Counter

from randomchat.errors import RandomchatError
from randomchat.infra.grpc_credentials import CallToken, find_token
from randomchat.infra.grpc_errors import metadata_of, status_of

HEALTH_PREFIX = "/grpc.health.v1.Health/"

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Continuation: TypeAlias = "Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]"

_log = structlog.get_logger(__name__)


class TokenInterceptor(grpc.aio.ServerInterceptor):
    """Refuses every call without the shared token. Health may be asked without one, but not with a wrong one."""

    def __init__(self, token: CallToken) -> None:
        self._token = token

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        metadata = handler_call_details.invocation_metadata or ()
        is_free = handler_call_details.method.startswith(HEALTH_PREFIX) and find_token(metadata) is None
        if is_free or self._token.is_in(metadata):
            return await continuation(handler_call_details)
        return grpc.stream_stream_rpc_method_handler(_refuse)  # this kind ends at once, whatever the client goes on to send


async def _refuse(_requests: object, context: Context) -> NoReturn:
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, "The shared token is missing or wrong.")


class CountInterceptor(grpc.aio.ServerInterceptor):
    """Counts the calls of each method that there is."""

    def __init__(self, calls: Counter) -> None:
        self._calls = calls

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        handler = await continuation(handler_call_details)
        if handler is not None:
            self._calls.labels(handler_call_details.method).inc()
        return handler


class RefusalInterceptor(grpc.aio.ServerInterceptor):
    """Ends a call that raised a `RandomchatError` as the table says; any other exception is logged, and not told."""

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        handler = await continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        answer, method = handler.unary_unary, handler_call_details.method

        async def guarded(request: Any, context: Any) -> Any:
            try:
                return await answer(request, context)
            except RandomchatError as error:
                await context.abort(status_of(error), error.message, metadata_of(error))
            except grpc.aio.AbortError:
                raise
            except Exception:  # noqa: BLE001 - whatever it is, the caller must get an answer
                _log.exception("a call failed", method=method)
                await context.abort(grpc.StatusCode.INTERNAL, "Something went wrong here.")

        return grpc.unary_unary_rpc_method_handler(
            guarded, request_deserializer=handler.request_deserializer, response_serializer=handler.response_serializer
        )
