"""What the browser tests share: one Chromium and one server for each file of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.browser import chromium
from tests.reliability.server import ServerProcess, randomchat_server, running


# Playwright's loop runs in this thread as long as its browser does: for a whole session it would stand in the way of async tests.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with running(randomchat_server(tmp_path_factory.mktemp("server"))) as server:
        yield server
