"""Kafka: brokers that are their own controllers (KRaft), one or three."""

from __future__ import annotations

import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from pathlib import Path

from confluent_kafka import KafkaError, Message, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from cluster.child import Child
from cluster.engines.engine import Engine, running, silent
from cluster.java import class_archive, class_path, fetch_jars, find_java
from cluster.ports import PortClaims
from randomchat.config import KafkaSettings

HOST = "127.0.0.1"
VERSION = "4.4.0"
# Kafka does not bring what writes its log.
JARS = [f"org.apache.kafka:kafka_2.13:{VERSION}", "org.apache.logging.log4j:log4j-slf4j-impl:2.25.5"]
HEAP = ["-Xms64m", "-Xmx256m", "-XX:MaxDirectMemorySize=64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
READY_TOPIC = "randomchat.cluster.ready"

LOGGING = """status = error
appender.file.type = File
appender.file.name = file
appender.file.fileName = broker.log
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d %p %c: %m%n
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
"""


class KafkaEngine(Engine):
    """`size` brokers; every topic has a copy on each."""

    name = "Kafka"
    section = "kafka"

    def __init__(self, folder: Path, size: int = 1, say: Callable[[str], None] = silent, record: Path | None = None) -> None:
        """`record`: run without a class archive, and write one there when stopped."""
        super().__init__(folder, say)
        self._size, self._record = size, record
        self._claims = PortClaims(folder / "ports.json", [f"{kind}{n}" for n in range(size) for kind in ("broker", "controller")])
        self._jars = self._archive = Path()

    @property
    def _ports(self) -> PortClaims:
        return self._claims

    @property
    def settings(self) -> KafkaSettings:
        brokers = [f"{HOST}:{self._claims[f'broker{n}']}" for n in range(self._size)]
        return KafkaSettings(brokers=brokers, replication=self._size, min_insync=self._min_insync)

    @property
    def _min_insync(self) -> int:
        return min(2, self._size)

    def fetch(self) -> None:
        find_java()
        self._jars = fetch_jars(f"kafka-{VERSION}", JARS, self._say)
        if self._record is None:
            self._archive = class_archive(f"kafka-{VERSION}", self._record_classes)

    def _record_classes(self, archive: Path) -> None:
        self._say("records its classes (once) ...")
        folder = archive.parent / "run"
        with running(KafkaEngine(folder, record=archive)):
            pass
        KafkaEngine(folder).wipe()

    def _make_nodes(self) -> list[Child]:
        return [self._make_node(n) for n in range(self._size)]

    def _make_node(self, n: int) -> Child:
        folder = self.folder / f"broker{n}"
        (folder / "data").mkdir(parents=True, exist_ok=True)
        (folder / "log4j2.properties").write_text(LOGGING)
        (folder / "server.properties").write_text(_lines(self._properties(n, folder / "data")))
        identity = folder / "data" / "meta.properties"
        if not identity.exists():
            identity.write_text(_lines(self._identity(n)))
        return Child(f"Kafka broker {n}", folder, self._command)

    def _command(self) -> Sequence[str]:
        archive = f"-XX:ArchiveClassesAtExit={self._record}" if self._record else f"-XX:SharedArchiveFile={self._archive}"
        options = [*HEAP, archive, "-Dlog4j2.configurationFile=log4j2.properties", "-cp", class_path(self._jars)]
        return [find_java().path, *options, "kafka.Kafka", "server.properties"]

    def _identity(self, n: int) -> dict[str, object]:
        """What Kafka's own format step writes, which costs a JVM's start for each broker."""
        cluster = uuid.uuid5(uuid.NAMESPACE_DNS, READY_TOPIC)
        return {"version": 1, "cluster.id": _short(cluster), "node.id": n, "directory.id": _short(uuid.uuid4())}

    def _properties(self, n: int, data: Path) -> dict[str, object]:
        broker, controller = self._claims[f"broker{n}"], self._claims[f"controller{n}"]
        voters = ",".join(f"{m}@{HOST}:{self._claims[f'controller{m}']}" for m in range(self._size))
        return {
            "process.roles": "broker,controller",
            "node.id": n,
            "controller.quorum.voters": voters,
            "listeners": f"CLIENT://{HOST}:{broker},CONTROLLER://{HOST}:{controller}",
            "advertised.listeners": f"CLIENT://{HOST}:{self._announced[n] if self._announced else broker}",
            "inter.broker.listener.name": "CLIENT",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": data,
            **self._copies(),
            **SMALL,
            **IMPATIENT,
        }

    def _copies(self) -> dict[str, object]:
        inner = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
        return {
            "default.replication.factor": self._size,
            "min.insync.replicas": self._min_insync,
            **{f"{topic}.replication.factor": self._size for topic in inner},
            **{f"{topic}.num.partitions": 4 for topic in inner},
            **{f"{topic}.min.isr": self._min_insync for topic in inner[1:]},
        }

    def _check(self) -> None:
        """All brokers are there and take a message: the first idempotent producer waits a second for its coordinator."""
        servers: dict[str, str | int | float | bool] = {"bootstrap.servers": ",".join(self.settings.brokers), "log_level": 0}
        admin = AdminClient(servers)
        if len(admin.list_topics(timeout=2).brokers) < self._size:
            raise ConnectionError("some brokers are not there yet")
        created = admin.create_topics([NewTopic(READY_TOPIC, num_partitions=1, replication_factor=self._size)])
        exists = created[READY_TOPIC].exception(timeout=5)
        if exists is not None and exists.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise exists
        _produce(Producer({**servers, "acks": "all", "enable.idempotence": True, "message.timeout.ms": 5000}))


def _produce(producer: Producer) -> None:
    errors: list[KafkaError | None] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        errors.append(error)

    producer.produce(READY_TOPIC, b"ready", on_delivery=delivered)
    producer.flush(6)
    if errors != [None]:
        raise ConnectionError(f"a message was not delivered: {errors}")


# So little traffic needs few threads and small buffers.
SMALL: dict[str, object] = {
    "num.partitions": 1,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "background.threads": 4,
    "num.recovery.threads.per.data.dir": 1,
    "log.cleaner.dedupe.buffer.size": 16 << 20,
    "log.segment.bytes": 64 << 20,
    "log.retention.hours": 24,
    "auto.create.topics.enable": "false",
}
# A broker that died is noticed, and may come back, within a second or so.
IMPATIENT: dict[str, object] = {
    "broker.heartbeat.interval.ms": 200,
    "broker.session.timeout.ms": 1000,
    "controller.quorum.election.timeout.ms": 500,
    "controller.quorum.fetch.timeout.ms": 1000,
    "controller.quorum.election.backoff.max.ms": 300,
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1000,
    "group.consumer.min.heartbeat.interval.ms": 200,
    "group.consumer.heartbeat.interval.ms": 500,
    "group.consumer.min.session.timeout.ms": 1000,
    "group.consumer.session.timeout.ms": 3000,
}


def _lines(properties: dict[str, object]) -> str:
    return "".join(f"{key}={value}\n" for key, value in properties.items())


def _short(number: uuid.UUID) -> str:
    return urlsafe_b64encode(number.bytes).decode().rstrip("=")
