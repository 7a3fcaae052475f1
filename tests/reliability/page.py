"""The report of a run as a folder: a page in Markdown, and its picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.reliability.plot import timeline
from tests.reliability.report import Report, Strike, Wait, percentile, worst


def write_page(folder: Path, title: str, report: Report, missing: Sequence[str]) -> None:
    """Make `report.md` and `timeline.svg` there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "timeline.svg").write_text(timeline(report), "utf-8")
    (folder / "report.md").write_text("\n".join(_lines(title, report, missing)) + "\n", "utf-8")


def _lines(title: str, report: Report, missing: Sequence[str]) -> Iterator[str]:
    yield from (f"# {title}", "", "```", str(report), "```", "", "![over time](timeline.svg)", "")
    yield from (f"Not tried, since this machine lacks {thing}." for thing in missing)
    yield from ("", *faults_table(report), "", *waits_table(report))


def waits_table(report: Report) -> list[str]:
    rows = [
        ("from saying something to its acknowledgement", report.answers),
        ("from the acknowledgement to the connected peer", report.late),
        ("a tab without a live socket", report.outages),
    ]
    head = ["| seconds | number | p50 | p99 | worst |", "| --- | --- | --- | --- | --- |"]
    return head + [
        f"| {what} | {len(waits)} | {percentile(waits, 0.5):.3f} | {percentile(waits, 0.99):.3f} | {worst(waits):.2f} |"
        for what, waits in rows
    ]


def faults_table(report: Report) -> list[str]:
    """What each fault did to people, from its beginning to some seconds after all was ready again.

    Where two faults are near each other in time, what happened counts for both.
    """
    by_name: dict[str, list[Strike]] = {}
    for strike in report.strikes:
        by_name.setdefault(strike.fault, []).append(strike)
    head = [
        "| fault (seconds) | times | longest | until ready | worst unanswered | worst outage of a tab | worst lateness |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    return head + [_row(name, strikes, report) for name, strikes in sorted(by_name.items())]


def _row(name: str, strikes: Sequence[Strike], report: Report) -> str:
    longest = max(strike.ended_s - strike.began_s for strike in strikes)
    ready = max(strike.ready_s or 0.0 for strike in strikes)
    figures = [_worst_during(strikes, waits) for waits in (report.answers, report.outages, report.late)]
    return (
        f"| {name} | {len(strikes)} | {longest:.1f} | {ready:.1f} | " + " | ".join(f"{figure:.2f}" for figure in figures) + " |"
    )


def _worst_during(strikes: Sequence[Strike], waits: Sequence[Wait]) -> float:
    return worst([wait for wait in waits if any(strike.covers(wait.at) for strike in strikes)])
