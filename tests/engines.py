"""Real engines for tests, each started when the first test asks for it and kept until the last one ended.

They are shared: a test takes a keyspace, topic, bucket and key prefix of its own. One that stops or kills an engine starts it
again and waits until it is ready, or has one to itself (`cluster.engines`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import pytest

from cluster.engines.all import Engines
from cluster.engines.cassandra import CassandraEngine
from cluster.engines.engine import Engine, running
from cluster.engines.kafka import KafkaEngine
from cluster.engines.redis import RedisEngine
from cluster.engines.seaweedfs import SeaweedEngine
from cluster.parts import MissingPart

AnEngine = TypeVar("AnEngine", bound=Engine)


def fetched(engine: Engine | Engines) -> None:
    """Have what it is made of, or skip."""
    try:
        engine.fetch()
    except MissingPart as missing:
        pytest.skip(f"MISSING: {missing}")


def running_engine(engine: AnEngine) -> Iterator[AnEngine]:
    """The engine, ready; its data is removed at the end. Skips, loudly, where this machine lacks what it is made of.

    `python -m cluster fetch` gets that with its progress shown, and without the time limit of a test.
    """
    fetched(engine)
    with running(engine):
        yield engine
    engine.wipe()


@pytest.fixture(scope="session")
def kafka_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaEngine]:
    """One broker."""
    yield from running_engine(KafkaEngine(tmp_path_factory.mktemp("kafka")))


@pytest.fixture(scope="session")
def cassandra_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CassandraEngine]:
    """One node."""
    yield from running_engine(CassandraEngine(tmp_path_factory.mktemp("cassandra")))


@pytest.fixture(scope="session")
def redis_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisEngine]:
    """Three masters."""
    yield from running_engine(RedisEngine(tmp_path_factory.mktemp("redis")))


@pytest.fixture(scope="session")
def s3_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedEngine]:
    yield from running_engine(SeaweedEngine(tmp_path_factory.mktemp("seaweedfs")))
