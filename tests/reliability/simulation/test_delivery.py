"""The delivery rules under every fault at once, on simulated time: the real nodes, tabs that keep the contract, a hostile world."""

from __future__ import annotations

import pytest

from tests.reliability.simulation.run import Run


@pytest.mark.parametrize("seed", range(1, 41))
def test_nothing_is_lost_doubled_or_out_of_order(seed: int) -> None:
    run = Run(seed).play()
    assert not run.violations
