"""A short run of every kind of trouble in both modes; `make chaos` runs for as long as you like."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cluster.parts import MissingPart
from tests.reliability.chaos import plan_of, run
from tests.reliability.ordeal import Plan
from tests.reliability.report import Report

SEED, SECONDS = 1, 20.0


def short_plan(mode: str) -> Plan:
    return replace(plan_of(mode, SECONDS, SEED), down_s=(0.1, 6), quiet_s=21)


def endure(mode: str) -> Report:
    try:
        report, _ = run(mode, short_plan(mode))
    except MissingPart as part:
        pytest.skip(f"MISSING: {part}")
    return report


@pytest.mark.timeout(400)
@pytest.mark.parametrize("mode", ["embedded", pytest.param("distributed", marks=pytest.mark.cluster)])
def test_every_promise_is_kept(mode: str) -> None:
    report = endure(mode)
    assert report.passed, str(report)
    assert report.strikes
    assert report.searches
