"""The browser client's own tests, so that one command runs everything."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import hatch_build

FRONTEND = Path(__file__).parents[2] / "frontend"
VITEST = FRONTEND / "node_modules" / "vitest" / "vitest.mjs"


@pytest.mark.timeout(400)
def test_the_browser_clients_tests_pass() -> None:
    node = hatch_build.find_node()
    if node is None or not VITEST.is_file():
        pytest.skip("MISSING: the tools of the browser client; `make install` brings them")
    run = subprocess.run(
        [node.folder / "node", VITEST, "run"], cwd=FRONTEND, capture_output=True, text=True, timeout=390, check=False
    )
    print(run.stdout[-8000:], run.stderr[-8000:])
    assert run.returncode == 0
