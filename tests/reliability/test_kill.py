"""A minute of trouble: the server dies under load, and nobody's words are lost, doubled or out of place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.faults import Killed
from tests.reliability.ordeal import Ordeal, Plan
from tests.reliability.server import randomchat_server, running

PLAN = Plan(seconds=40, seed=1, pairs=6, rate=60, strikes=6)


@pytest.mark.timeout(180)
async def test_nothing_acknowledged_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    with running(randomchat_server(tmp_path)) as server:
        report = await Ordeal(server, PLAN, [Killed(server)]).run()
    assert report.passed, f"{report}\n{server.last_words()}"
    assert len(report.strikes) == PLAN.strikes
    assert report.said > PLAN.rate * PLAN.seconds / 3
