"""What people install: it has the browser client and the generated code in it, and needs neither Node nor protoc."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import hatch_build

ROOT = Path(__file__).parents[2]
PAGE = "randomchat/web/dist/index.html"
GENERATED = "randomchat/interfaces/pb/user_v1_pb2.py"
WITHOUT_NODE = {**os.environ, "PATH": "/nowhere"}


def run(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] = WITHOUT_NODE) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not hatch_build.is_built():
        pytest.skip("MISSING: the browser client as its sources are now; `make client` builds it")
    folder = tmp_path_factory.mktemp("packages")
    run(sys.executable, "-m", "hatchling", "build", "-d", folder)
    return folder


def test_the_wheel_holds_the_client_and_none_of_its_sources(packages: Path) -> None:
    (wheel,) = packages.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {PAGE, GENERATED} <= {*names}
    assert any(name.startswith("randomchat/web/dist/assets/") and name.endswith(".js.br") for name in names)
    assert [name for name in names if not name.startswith(("randomchat/", "randomchat-"))] == []


def test_the_source_distribution_holds_both_and_builds_the_wheel_without_node(packages: Path, tmp_path: Path) -> None:
    (archive,) = packages.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        names = files.getnames()
        files.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    built = {f"{source.name}/src/{PAGE}", f"{source.name}/src/{GENERATED}"}
    assert built | {f"{source.name}/frontend/src/main.ts", f"{source.name}/api/proto/user_v1.proto"} <= {*names}
    assert [name for name in names if "node_modules" in name] == []
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, cwd=source)
    (wheel,) = tmp_path.glob("*.whl")
    assert {PAGE, GENERATED} <= {*zipfile.ZipFile(wheel).namelist()}


def test_the_installed_wheel_has_its_page_without_node(packages: Path, tmp_path: Path) -> None:
    (wheel,) = packages.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path)
    program = "from randomchat.web.app import DIST, create_app; create_app(); print(DIST)"
    where = run(sys.executable, "-c", program, env={**WITHOUT_NODE, "PYTHONPATH": str(tmp_path)})
    assert Path(where.strip()).is_relative_to(tmp_path)


@pytest.mark.parametrize(("version", "is_taken"), [("v20.20.2", False), ("v22.11.9", False), ("v22.12.0", True), ("?", False)])
def test_a_node_on_path_is_taken_if_it_is_new_enough(
    version: str, is_taken: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("node", "npm"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {version}\n", "utf-8")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert hatch_build.find_node_on_path() == (hatch_build.Node(tmp_path, tmp_path / "npm") if is_taken else None)


@pytest.mark.parametrize("tool", [hatch_build.NODE_PACKAGE, hatch_build.PROTOC_PACKAGE])
def test_both_places_name_the_same_tools(tool: str) -> None:
    assert f'"{tool}"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_code_is_generated_anew_where_its_sources_have_changed(tmp_path: Path) -> None:
    for name in ("hatch_build.py", "api/proto/user_v1.proto"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    proto, generated = tmp_path / "api" / "proto" / "user_v1.proto", tmp_path / "src" / GENERATED
    generated.parent.parent.mkdir(parents=True)
    run(sys.executable, tmp_path / "hatch_build.py", "proto", cwd=tmp_path)
    assert "Later" not in generated.read_text("utf-8")
    proto.write_text(proto.read_text("utf-8") + "message Later {}", "utf-8")
    run(sys.executable, tmp_path / "hatch_build.py", "proto", cwd=tmp_path)
    assert "Later" in generated.read_text("utf-8")
    made_at = generated.stat().st_mtime_ns
    run(sys.executable, tmp_path / "hatch_build.py", "proto", cwd=tmp_path)
    assert generated.stat().st_mtime_ns == made_at
