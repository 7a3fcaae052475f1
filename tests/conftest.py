"""What this machine lacks is said aloud: a test that needs it skips with a reason that begins with `MISSING:`.

Where `CI` is set such a skip is a failure, so that nothing goes untested there without anyone noticing.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

pytest_plugins = ["tests.engines", "tests.deployment"]

MARK = "MISSING:"


def missing_thing(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """What a skipped test, or file of tests, says is missing."""
    if not report.skipped or hasattr(report, "wasxfail") or not isinstance(report.longrepr, tuple):
        return None
    reason = report.longrepr[2].removeprefix("Skipped: ")
    return reason.removeprefix(MARK).strip() if reason.startswith(MARK) else None


def fail_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    thing = missing_thing(report)
    if thing is not None and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"{MARK} {thing} (where CI is set, a test that is skipped for this fails)"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    fail_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    fail_in_ci(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    things = [thing for report in skipped if (thing := missing_thing(report)) is not None]
    for thing in sorted(set(things)):
        terminalreporter.write_line(f"MISSING: {thing} - NOT TESTED: {things.count(thing)}", red=True, bold=True)
