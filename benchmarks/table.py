"""Results as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

Row = Sequence[str]


def figure(value: float) -> str:
    """Three digits are as many as such a measurement is worth."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def markdown(title: str, header: Row, rows: Sequence[Row]) -> str:
    lines = [f"## {title}", "", _line(header), _line(["---"] * len(header)), *(_line(row) for row in rows), ""]
    return "\n".join(lines)


def _line(cells: Row) -> str:
    return f"| {' | '.join(cells)} |"
