"""`make audit`: ask what is known of holes in the dependencies. Fails for a hole; says aloud what could not be asked."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ("requirements.txt", "requirements-node.txt", "requirements-dev.txt")
PIP_AUDIT = ("-f", "json", "--progress-spinner", "off", "--require-hashes", "--disable-pip", "-r")
MOST_S = 300


@dataclass(frozen=True)
class Verdict:
    """Of one list of packages: how many were looked up, what was found, and why others were not looked up."""

    asked: int
    holes: list[str]
    trouble: str = ""

    def __str__(self) -> str:
        told = [f"{self.asked} packages looked up, {len(self.holes)} holes", *self.holes]
        return "\n  ".join([*told, f"NOT AUDITED: {self.trouble}"] if self.trouble else told)


def judge_python(answer: str, errors: str) -> Verdict:
    """What pip-audit says. It calls a list clean of which it could not look up a single package."""
    tree = _json(answer)
    if tree is None:
        return Verdict(0, [], _last_line(errors))
    packages = tree["dependencies"]
    skipped = [package for package in packages if "skip_reason" in package]
    holes = [f"{one['name']} {one['version']}: {hole['id']}" for one in packages for hole in one.get("vulns", [])]
    trouble = f"{len(skipped)} packages, as their index tells nothing of holes: {skipped[0]['skip_reason']}" if skipped else ""
    return Verdict(len(packages) - len(skipped), holes, trouble)


def judge_node(answer: str, errors: str) -> Verdict:
    """What `npm audit` says."""
    tree = _json(answer)
    if tree is None or "vulnerabilities" not in tree:
        return Verdict(0, [], str((tree or {}).get("message") or _last_line(errors)))
    holes = [f"{name}: {hole['severity']}" for name, hole in tree["vulnerabilities"].items()]
    return Verdict(tree["metadata"]["dependencies"]["total"], holes)


def main() -> int:
    pip_audit = sys.argv[1]
    verdicts = {}
    for name in REQUIREMENTS:
        verdicts[name] = judge_python(*_run([pip_audit, *PIP_AUDIT, name], ROOT))
    verdicts["frontend/package-lock.json"] = judge_node(*_run(["npm", "audit", "--json"], ROOT / "frontend"))
    for name, verdict in verdicts.items():
        print(f"{name}: {verdict}")
    return 1 if any(verdict.holes for verdict in verdicts.values()) else 0


def _run(command: Sequence[str], folder: Path) -> tuple[str, str]:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=MOST_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", str(error)
    return done.stdout, done.stderr


def _json(text: str) -> dict[str, Any] | None:
    try:
        tree = json.loads(text)
    except ValueError:
        return None
    return tree if isinstance(tree, dict) else None


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no answer"])[-1]


if __name__ == "__main__":
    sys.exit(main())
