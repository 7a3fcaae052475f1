"""Whether what distributed mode stands on is installed."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from randomchat.infra.runtime import StartupError

DRIVERS = ("acsylla", "aiobotocore", "confluent_kafka", "google.protobuf", "grpc", "grpc_health", "grpc_reflection", "redis")
GENERATED = "randomchat.interfaces.pb"


def check_drivers(drivers: Iterable[str] = DRIVERS, generated: str = GENERATED) -> None:
    """Raise `StartupError`, with one line that says what to do, where distributed mode can't run for lack of a package."""
    missing = [name for name in drivers if not _is_there(name)]
    if missing:
        raise StartupError(f'distributed mode needs more packages ({missing[0]}): pip install "randomchat[distributed]"')
    if not _is_there(generated):
        raise StartupError("distributed mode needs the generated code of api/proto: make proto")


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False
