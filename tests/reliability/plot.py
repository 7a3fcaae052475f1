"""A picture of a run: what was acknowledged, how long it took, and which faults there were, over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from tests.reliability.report import Report, Wait, percentile, worst

WIDTH, LEFT, BAND, GAP = 1000, 60, 120, 34
FAULT_HEIGHT = 11
MOST_BUCKETS = 240


def timeline(report: Report) -> str:
    """SVG: bands of throughput, latency and lateness, and a row for each fault."""
    end = max([1.0, *(wait.at for wait in report.answers), *(strike.ended_s for strike in report.strikes)])
    step = max(1.0, end / MOST_BUCKETS)
    answers, late = _buckets(report.answers, end, step), _buckets(report.late, end, step)
    bands = [
        ("acknowledged messages a second", [len(bucket) / step for bucket in answers]),
        ("from saying to acknowledgement, p50, seconds", [percentile(bucket, 0.5) for bucket in answers]),
        ("from saying to acknowledgement, worst, seconds", [worst(bucket) for bucket in answers]),
        ("from acknowledgement to the connected peer, worst, seconds", [worst(bucket) for bucket in late]),
    ]
    parts = [part for number, (title, values) in enumerate(bands) for part in _band(title, values, number * (BAND + GAP) + GAP)]
    top = len(bands) * (BAND + GAP) + GAP
    names = sorted({strike.fault for strike in report.strikes})
    parts += _faults(report, names, top, lambda at: LEFT + WIDTH * at / end)
    height = top + FAULT_HEIGHT * len(names) + GAP
    box = f'viewBox="0 0 {LEFT + WIDTH + 20} {height}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="sans-serif" font-size="11">',
            '<rect width="100%" height="100%" fill="white"/>',
            *parts,
            f'<text x="{LEFT}" y="{height - 8}">0 s</text>',
            f'<text x="{LEFT + WIDTH}" y="{height - 8}" text-anchor="end">{end:.0f} s</text>',
            "</svg>",
        ]
    )


def _buckets(waits: Sequence[Wait], end: float, step: float) -> list[list[Wait]]:
    found: list[list[Wait]] = [[] for _ in range(int(end / step) + 1)]
    for wait in waits:
        found[max(0, min(len(found) - 1, int(wait.at / step)))].append(wait)
    return found


def _band(title: str, values: Sequence[float], top: float) -> list[str]:
    most = max([*values, 0.001])
    width = WIDTH / len(values)
    points = " ".join(f"{LEFT + width * (n + 0.5):.1f},{top + BAND * (1 - value / most):.1f}" for n, value in enumerate(values))
    return [
        f'<text x="{LEFT}" y="{top - 6}">{escape(title)}</text>',
        f'<text x="{LEFT - 6}" y="{top + 8}" text-anchor="end">{most:.3g}</text>',
        f'<path d="M{LEFT},{top + BAND}h{WIDTH}" stroke="#999" fill="none"/>',
        f'<polyline points="{points}" stroke="#1565c0" fill="none"/>',
    ]


def _faults(report: Report, names: Sequence[str], top: float, x_of: Callable[[float], float]) -> list[str]:
    rows = {name: top + FAULT_HEIGHT * number for number, name in enumerate(names)}
    bars = [
        f'<rect x="{x_of(strike.began_s):.1f}" width="{max(2.0, x_of(strike.ended_s) - x_of(strike.began_s)):.1f}"'
        f' y="{rows[strike.fault]}" height="{FAULT_HEIGHT - 3}" fill="#c62828"/>'
        for strike in report.strikes
    ]
    labels = [
        f'<text x="{LEFT + 2}" y="{y + FAULT_HEIGHT - 3}" font-size="8" fill="#555">{escape(name)}</text>'
        for name, y in rows.items()
    ]
    return bars + labels
