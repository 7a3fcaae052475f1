"""What the browser tests share: one Chromium for each file of tests, and the product in both modes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.deployment import Deployment
from tests.e2e.browser import chromium
from tests.reliability.server import ServerProcess, randomchat_server, running


# Playwright's loop runs in this thread as long as its browser does: for a whole session it would stand in the way of async tests.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with running(randomchat_server(tmp_path_factory.mktemp("server"))) as server:
        yield server


@pytest.fixture(scope="module", params=["embedded", "distributed_server"])
def server(request: pytest.FixtureRequest) -> Deployment:
    """The product, in each mode."""
    server: Deployment = request.getfixturevalue(request.param)
    server.start()
    server.wait_until_ready()
    return server
