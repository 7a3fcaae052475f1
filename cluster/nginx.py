"""nginx in front of the services, with the very configuration of `deploy/`."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cluster.child import Child
from cluster.engines.engine import silent
from cluster.parts import MissingPart, made_once

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
FORM = "upstream {name} {{ least_conn; {servers} keepalive 16; }}\n"
SERVER = "server {address} max_fails=1 fail_timeout=2s;"


def find_nginx(say: Callable[[str], None] = silent) -> Path:
    """The program: of this machine, or Debian's package unpacked (installed it would start). Raises `MissingPart`."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found:
        return Path(found)
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise MissingPart("nginx, which stands in front of the services")

    def unpack(folder: Path) -> None:
        say("fetching nginx (once)")
        try:
            subprocess.run(["apt-get", "download", "-qq", "nginx"], cwd=folder, check=True, capture_output=True)
            for package in folder.glob("nginx_*.deb"):
                subprocess.run(["dpkg", "-x", package.name, "."], cwd=folder, check=True, capture_output=True)
        except subprocess.CalledProcessError:
            raise MissingPart("nginx, and Debian's package can't be fetched (`apt-get update` may help)") from None

    return made_once("nginx", unpack) / "usr" / "sbin" / "nginx"


def nginx(
    folder: Path, port: int, files_port: int, upstreams: Mapping[str, Sequence[str]], say: Callable[[str], None] = silent
) -> Child:
    """It listens on `port` for pages and on `files_port` for files. `upstreams`: the addresses of each service, and of `s3`.

    It is one process, which leaves no workers behind.
    """
    program = find_nginx(say)
    for place in ("temp", "logs"):
        (folder / place).mkdir(parents=True, exist_ok=True)
    shutil.copy(DEPLOY / "nginx.conf", folder)
    for file, listened in (("listen.conf", port), ("listen_files.conf", files_port)):
        (folder / file).write_text(f"listen 127.0.0.1:{listened} backlog=2048;\nserver_name _;\n")
    servers = {name: " ".join(SERVER.format(address=each) for each in addresses) for name, addresses in upstreams.items()}
    (folder / "upstreams.conf").write_text("".join(FORM.format(name=name, servers=line) for name, line in servers.items()))
    command = [str(program), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off; master_process off;"]
    return Child("nginx", folder, lambda: command)
