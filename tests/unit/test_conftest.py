"""What is missing on a machine is said aloud, and fails where `CI` is set."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
ONE_TEST = """
import pytest

def test_of_something() -> None:
    pytest.skip("{reason}")
"""
WHOLE_FILE = """
import pytest

pytest.skip("{reason}", allow_module_level=True)
"""


def run(folder: Path, text: str, *, ci: bool) -> subprocess.CompletedProcess[str]:
    """Run one file of tests in a folder with our conftest.py."""
    shutil.copy(TESTS / "conftest.py", folder)
    (folder / "test_it.py").write_text(text)
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | ({"CI": "true"} if ci else {})
    environment["PYTHONPATH"] = str(TESTS.parent)  # of the plugins that our conftest.py names
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:schemathesis", "-p", "no:hypothesispytest"]
    return subprocess.run(
        [*command, "--rootdir", str(folder), str(folder)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("text", [ONE_TEST, WHOLE_FILE])
def test_what_is_missing_fails_in_ci(tmp_path: Path, text: str) -> None:
    ended = run(tmp_path, text.format(reason="MISSING: a browser"), ci=True)
    assert ended.returncode not in {0, 5}, ended.stdout
    assert "MISSING: a browser" in ended.stdout


@pytest.mark.parametrize("text", [ONE_TEST, WHOLE_FILE])
def test_what_is_missing_is_said_aloud_elsewhere(tmp_path: Path, text: str) -> None:
    ended = run(tmp_path, text.format(reason="MISSING: a browser"), ci=False)
    assert ended.returncode in {0, 5}, ended.stdout
    assert "MISSING: a browser - NOT TESTED: 1" in ended.stdout


def test_other_skips_stay_skips_in_ci(tmp_path: Path) -> None:
    ended = run(tmp_path, ONE_TEST.format(reason="not on this system"), ci=True)
    assert ended.returncode == 0, ended.stdout
