"""All services, two processes of each, on real engines: each test finds them ready, and leaves none of them stopped or frozen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.deployment import DistributedServer


@pytest.fixture
def site(distributed_server: DistributedServer) -> Iterator[DistributedServer]:
    distributed_server.start()
    distributed_server.wait_until_ready()
    yield distributed_server
    distributed_server.start()
    distributed_server.resume()
