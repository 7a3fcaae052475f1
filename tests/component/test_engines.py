"""The engines themselves, as tests and a trial have them."""

import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from cluster.engines.all import Engines
from cluster.engines.cassandra import CassandraEngine
from cluster.engines.cql import CqlConnection
from cluster.engines.engine import running
from cluster.engines.kafka import KafkaEngine
from cluster.engines.redis import RedisEngine
from cluster.engines.seaweedfs import SeaweedEngine
from randomchat.config import load_settings
from tests.engines import fetched

pytestmark = pytest.mark.cluster

READY_S, GONE_S = 60.0, 20.0


def test_kafka_keeps_its_topics_over_a_kill(kafka_engine: KafkaEngine) -> None:
    topic = f"kept-{uuid4()}"
    admin = AdminClient({"bootstrap.servers": kafka_engine.settings.brokers[0], "log_level": 0})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(10)
    kafka_engine.kill()
    kafka_engine.start()
    kafka_engine.wait_until_ready()
    assert topic in admin.list_topics(timeout=10).topics


def test_cassandra_keeps_what_was_written_over_a_kill(cassandra_engine: CassandraEngine) -> None:
    settings = cassandra_engine.settings
    keyspace = f"kept_{uuid4().hex}"
    table = f"{keyspace}.words"
    with CqlConnection(settings.hosts[0], settings.port, timeout_s=10) as node:
        node.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}")
        node.execute(f"CREATE TABLE {table} (word text PRIMARY KEY)")
        node.execute(f"INSERT INTO {table} (word) VALUES ('kept')")
    cassandra_engine.kill()
    cassandra_engine.start()
    cassandra_engine.wait_until_ready()
    with CqlConnection(settings.hosts[0], settings.port, timeout_s=10) as node:
        assert node.execute(f"SELECT word FROM {table}") == 1


def test_s3_keeps_its_objects_over_a_kill(s3_engine: SeaweedEngine) -> None:
    bucket = f"kept-{uuid4()}"
    with s3_engine.client() as store:
        store.create_bucket(Bucket=bucket)
        store.put_object(Bucket=bucket, Key="word", Body=b"kept")
    s3_engine.kill()
    s3_engine.start()
    s3_engine.wait_until_ready()
    with s3_engine.client() as store:
        assert store.get_object(Bucket=bucket, Key="word")["Body"].read() == b"kept"


def test_two_clusters_side_by_side_have_nothing_in_common(redis_engine: RedisEngine, tmp_path: Path) -> None:
    with running(RedisEngine(tmp_path / "other")) as other:
        assert not set(redis_engine.settings.nodes) & set(other.settings.nodes)
        with redis_engine.cluster() as cluster:
            cluster.set("side-by-side", "here", ex=60)
        with other.cluster() as cluster:
            assert cluster.get("side-by-side") is None


def test_a_killed_redis_master_is_replaced_by_its_replica(tmp_path: Path) -> None:
    with running(RedisEngine(tmp_path / "redis", replicas=True)) as engine:
        assert engine.masters() == [0, 1, 2]
        engine.nodes[0].kill()
        deadline = time.monotonic() + 15
        while engine.masters() != [1, 2, 3]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        engine.nodes[0].start()
        engine.wait_until_ready()
        assert engine.masters() == [1, 2, 3]


def test_a_trial_whose_starter_is_killed_ends_with_all_its_engines(tmp_path: Path) -> None:
    """As `make engines` is, by `kill -9`."""
    fetched(Engines(tmp_path, lambda _, __: None))
    command = f"{sys.executable} -m cluster engines --with-parent --data {tmp_path} > {tmp_path}/out 2> {tmp_path}/err; true"
    with subprocess.Popen(["sh", "-c", command], start_new_session=True) as starter:
        wait_for_line(tmp_path / "err", "Ctrl-C stops")
        trial = psutil.Process(starter.pid).children()[0]
        engines = trial.children(recursive=True)
        settings = load_settings(tmp_path / "settings.yaml")
        starter.kill()
    _, alive = psutil.wait_procs([trial, *engines], timeout=GONE_S)
    assert len(engines) == 6
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
    assert settings.kafka.min_insync == 1
    assert "have stopped" in (tmp_path / "err").read_text()


def wait_for_line(file: Path, words: str) -> None:
    deadline = time.monotonic() + READY_S
    while not (file.exists() and words in file.read_text()):
        assert time.monotonic() < deadline, file.read_text()
        time.sleep(0.05)
