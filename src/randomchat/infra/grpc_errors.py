"""How a refusal travels over gRPC: its status by the table, its sentence as details, its code beside them."""

from __future__ import annotations

import math

import grpc

from randomchat.errors import RandomchatError, refusal_of

CODE_KEY = "randomchat-code"
RETRY_AFTER_KEY = "randomchat-retry-after-ms"
_FINAL = ("grpc-retry-pushback-ms", "-1")
"""Tells gRPC not to repeat the call: the service has answered, and has done its own repetitions."""


def status_of(error: RandomchatError) -> grpc.StatusCode:
    """The status that a refusal ends a call with."""
    return grpc.StatusCode[error.spec.grpc]


def metadata_of(error: RandomchatError) -> tuple[tuple[str, str], ...]:
    """What a refusal says beside status and details."""
    metadata = [(CODE_KEY, error.code), _FINAL]
    if error.retry_after_s is not None:
        metadata.append((RETRY_AFTER_KEY, str(math.ceil(error.retry_after_s * 1000))))
    return tuple(metadata)


def find_refusal(failure: grpc.aio.AioRpcError) -> RandomchatError | None:
    """The refusal with which the service ended a call, or None where not the service ended it."""
    metadata = {key: value for key, value in failure.trailing_metadata() if isinstance(value, str)}
    code = metadata.get(CODE_KEY)
    if code is None:
        return None
    after_ms = metadata.get(RETRY_AFTER_KEY, "")
    return refusal_of(
        code,
        grpc=failure.code().name,
        message=failure.details(),
        retry_after_s=int(after_ms) / 1000 if after_ms.isascii() and after_ms.isdigit() else None,
    )
