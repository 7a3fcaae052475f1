"""Cassandra: one node on 127.0.0.1, or three on addresses of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import yaml

from cluster.child import Child
from cluster.engines.cassandra_options import COMMITLOG_SYNC, JVM_OPTIONS, LOGBACK, SMALL, TIMER_SLACK_US
from cluster.engines.cql import CqlConnection
from cluster.engines.engine import Engine, running, silent
from cluster.java import class_archive, class_path, fetch_jars, find_java
from cluster.ports import PortClaims
from randomchat.config import CassandraSettings

VERSION = "5.0.9"
JARS = [f"org.apache.cassandra:cassandra-all:{VERSION}"]
HOSTS = {1: ["127.0.0.1"], 3: ["127.0.0.11", "127.0.0.12", "127.0.0.13"]}
DATA_CENTER = "datacenter1"  # what SimpleSnitch says of every node
TOKENS = 1 << 64
READY_KEYSPACE = "randomchat_cluster"


class CassandraEngine(Engine):
    """`size` nodes, one or three; a keyspace made with its settings has a copy on each."""

    name = "Cassandra"
    section = "cassandra"

    def __init__(
        self,
        folder: Path,
        size: int = 1,
        say: Callable[[str], None] = silent,
        sync: Literal["batch", "periodic"] = "batch",
        record: Path | None = None,
    ) -> None:
        """`sync`: see `COMMITLOG_SYNC`. `record`: run without a class archive, and write one there when stopped."""
        super().__init__(folder, say)
        self._hosts, self._record, self._sync = HOSTS[size], record, COMMITLOG_SYNC[sync]
        self._claims = PortClaims(folder / "ports.json", ["client", "storage"], self._hosts)
        self._jars = self._archive = Path()

    @property
    def _ports(self) -> PortClaims:
        return self._claims

    @property
    def settings(self) -> CassandraSettings:
        copies = {DATA_CENTER: len(self._hosts)}
        return CassandraSettings(hosts=self._hosts, port=self._claims["client"], data_center=DATA_CENTER, replication=copies)

    def fetch(self) -> None:
        find_java()
        self._jars = fetch_jars(f"cassandra-{VERSION}", JARS, self._say)
        if self._record is None:
            self._archive = class_archive(f"cassandra-{VERSION}", self._record_classes)

    def _record_classes(self, archive: Path) -> None:
        self._say("records its classes (once) ...")
        folder = archive.parent / "run"
        with running(CassandraEngine(folder, record=archive)):
            pass
        CassandraEngine(folder).wipe()

    def _make_nodes(self) -> list[Child]:
        return [self._make_node(n, host) for n, host in enumerate(self._hosts)]

    def _make_node(self, n: int, host: str) -> Child:
        folder = self.folder / f"node{n}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "logback.xml").write_text(LOGBACK)
        (folder / "cassandra.yaml").write_text(yaml.safe_dump({**self._options(n, host), **self._sync, **SMALL}))
        return Child(f"Cassandra node {n}", folder, lambda: self._command(folder), timer_slack_us=TIMER_SLACK_US)

    def _command(self, folder: Path) -> Sequence[str]:
        archive = f"-XX:ArchiveClassesAtExit={self._record}" if self._record else f"-XX:SharedArchiveFile={self._archive}"
        places = {"config": f"file://{folder}/cassandra.yaml", "storagedir": folder / "data", "logdir": folder}
        return [
            find_java().path,
            *JVM_OPTIONS,
            archive,
            f"-javaagent:{next(self._jars.glob('jamm-*.jar'))}",
            f"-Dlogback.configurationFile=file://{folder}/logback.xml",
            *(f"-Dcassandra.{key}={place}" for key, place in places.items()),
            *("-cp", class_path(self._jars)),
            "org.apache.cassandra.service.CassandraDaemon",
        ]

    def _options(self, n: int, host: str) -> dict[str, object]:
        # All are seeds: a node that is none gives up where the seed is slower to start than itself.
        seeds = ",".join(f"{each}:{self._claims['storage']}" for each in self._hosts)
        return {
            "cluster_name": "randomchat trial",
            "num_tokens": 1,
            "initial_token": n * TOKENS // len(self._hosts) - TOKENS // 2,
            "auto_bootstrap": False,
            "seed_provider": [
                {"class_name": "org.apache.cassandra.locator.SimpleSeedProvider", "parameters": [{"seeds": seeds}]},
            ],
            "endpoint_snitch": "SimpleSnitch",
            "listen_address": host,
            "storage_port": self._claims["storage"],
            "rpc_address": host,
            "native_transport_port": self._claims["client"],
            "hinted_handoff_enabled": len(self._hosts) > 1,
        }

    def _check(self) -> None:
        """Every node knows the others, and writes to all of them."""
        for host in self._hosts:
            with self._connection(host) as node:
                if node.execute("SELECT peer FROM system.peers_v2") < len(self._hosts) - 1:
                    raise ConnectionError(f"{host} does not know the others yet")
        with self._connection(self._hosts[0]) as node:
            replication = f"{{'class': 'SimpleStrategy', 'replication_factor': {len(self._hosts)}}}"
            node.execute(f"CREATE KEYSPACE IF NOT EXISTS {READY_KEYSPACE} WITH replication = {replication}")
            node.execute(f"CREATE TABLE IF NOT EXISTS {READY_KEYSPACE}.ready (node text PRIMARY KEY)")
        for host in self._hosts:
            with self._connection(host) as node:
                node.execute(f"INSERT INTO {READY_KEYSPACE}.ready (node) VALUES ('{host}')")

    def _connection(self, host: str) -> CqlConnection:
        return CqlConnection(host, self._claims["client"], timeout_s=5)
