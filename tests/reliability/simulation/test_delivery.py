"""The delivery rules under every fault at once, on simulated time: real nodes, tabs that keep the contract, a hostile world."""

from __future__ import annotations

import pytest

from tests.reliability.simulation.bugs import PLANTS, Plant
from tests.reliability.simulation.run import Run


@pytest.mark.parametrize("seed", range(1, 41))
def test_nothing_is_lost_doubled_or_out_of_order(seed: int) -> None:
    run = Run(seed).play()
    assert not run.violations


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_noticed(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    assert any(Run(seed, faults=PLANTS[plant]).play().violations for seed in range(1, 81))
