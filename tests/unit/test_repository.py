"""House rules that no linter knows."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import randomchat

ROOT = Path(__file__).parents[2]
LINES_MAX = 400
LONGER: dict[str, str] = {
    "api/openapi/chat.json": "generated",
    "api/openapi/uploader.json": "generated",
    "api/openapi/user.json": "generated",
    "frontend/package-lock.json": "generated",
    "requirements.txt": "generated",
    "requirements-dev.txt": "generated",
}
"""Files that may be longer than `LINES_MAX` lines, and why."""

# Put together here, so that this file does not break its own rules.
REGISTRY = re.compile("|".join(["pypi" + r"\.org", "python" + r"hosted\.org", "registry" + r"\.npmjs", "index" + r"-url\s*="]))
MACHINE_PATH = re.compile(r"(?<![\w.:/-])/(?:home|root|work|Users|mnt|opt)/[\w.]")
ADAPTER = re.compile(
    r"^\s*(?:from|import) (randomchat\.\w+\.\w+_(?:sqlite|memory|local|cassandra|redis|kafka|s3|grpc))\b", re.MULTILINE
)


def tracked_files() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("MISSING: a git checkout")
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def texts() -> dict[str, str]:
    """The tracked files that are text, by name."""
    contents = {name: (ROOT / name).read_bytes() for name in tracked_files()}
    return {name: content.decode("utf-8") for name, content in contents.items() if b"\0" not in content}


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in texts().items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_package_registry() -> None:
    assert lines_with(REGISTRY) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert lines_with(MACHINE_PATH) == []


def test_files_stay_short() -> None:
    lengths = {name: text.count("\n") for name, text in texts().items() if name not in LONGER and "/generated/" not in name}
    assert {name: length for name, length in lengths.items() if length > LINES_MAX} == {}


def test_the_list_of_longer_files_is_no_longer_than_it_must_be() -> None:
    contents = texts()
    assert [name for name in LONGER if contents.get(name, "").count("\n") <= LINES_MAX] == []


def test_every_decision_is_linked_from_the_architecture() -> None:
    architecture = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    decisions = sorted(file.name for file in (ROOT / "docs" / "adr").glob("*.md"))
    assert decisions
    assert [name for name in decisions if f"(adr/{name})" not in architecture] == []


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{name}: {target}"
        for name, text in texts().items()
        if name.endswith(".md")
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)", text)
        if "://" not in target and not ((ROOT / name).parent / target).exists()
    ]
    assert broken == []


def test_documents_name_only_files_that_exist() -> None:
    """A path in code quotes that begins with a folder of this repository, or with a package of ours."""
    roots = (ROOT, ROOT / "src" / "randomchat")
    missing = [
        f"{name}: {path}"
        for name, text in texts().items()
        if name.endswith(".md")
        for path in re.findall(r"`([\w.-]+/[\w./-]+)`", text)
        if any((root / path.split("/")[0]).is_dir() for root in roots) and not any((root / path).exists() for root in roots)
    ]
    assert missing == []


def test_the_readme_names_every_folder() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    folders = {name.split("/")[0] for name in tracked_files() if "/" in name} - {"src"}
    packages = {"/".join(name.split("/")[:3]) for name in tracked_files() if re.match(r"src/randomchat/\w+/", name)}
    assert [folder for folder in sorted(folders | packages) if f"{folder}/" not in readme] == []


def test_make_help_lists_every_target() -> None:
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert phony
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert sorted(re.findall(r"^  make ([a-z-]+) +\S", shown, re.MULTILINE)) == sorted(phony[1].split())


def test_ci_runs_the_test_command_of_the_readme_and_nothing_else() -> None:
    lines = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    commands = [line for line in lines if line and not line.startswith("#")]
    assert commands == ["set -eu", 'cd "$(dirname "$0")/.."', "exec make test"]
    assert "make test" in (ROOT / "README.md").read_text("utf-8")


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    newest = re.search(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest
    assert project["version"] == randomchat.__version__ == newest[1]


def test_adapters_are_chosen_where_a_service_is_put_together_and_nowhere_else() -> None:
    allowed = re.compile(r"bootstrap/|app\.py$|[_/](sqlite|memory|local|cassandra|redis|kafka|s3|grpc)(_\w+)?\.py$")
    source = {name: text for name, text in texts().items() if name.startswith("src/randomchat/")}
    named = {name: ADAPTER.findall(text) for name, text in source.items() if not allowed.search(name)}
    assert {name: adapters for name, adapters in named.items() if adapters} == {}
