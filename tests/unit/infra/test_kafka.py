"""How Kafka is reached, and what its topics are like."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource

from cluster.engines.kafka import KafkaEngine
from randomchat.config import KafkaSettings, SettingsError, TlsSettings
from randomchat.errors import Unavailable
from randomchat.infra.kafka import Kafka
from randomchat.infra.kafka_settings import client_settings, consumer_settings, producer_settings
from randomchat.infra.mailbox import topic_of
from randomchat.infra.node import new_node_id


@pytest.fixture
async def kafka(kafka_engine: KafkaEngine) -> AsyncIterator[Kafka]:
    kafka = Kafka(kafka_engine.settings)
    await kafka.start()
    yield kafka
    await kafka.close()


@pytest.fixture
async def topic(kafka: Kafka) -> AsyncIterator[str]:
    topic = topic_of("test", new_node_id("node"))
    yield topic
    await kafka.delete_topics([topic])


async def until_known(kafka: Kafka, topic: str, *, known: bool) -> None:
    """Brokers hear of what was made or deleted a little later."""
    async with asyncio.timeout(10):
        while await kafka.has_topic(topic) != known or (topic in await kafka.list_topics()) != known:  # noqa: ASYNC110 - they tell nobody
            await asyncio.sleep(0.02)


async def test_a_topic_can_be_made_twice_and_deleted_twice(kafka: Kafka, topic: str) -> None:
    assert await kafka.create_topic(topic) is True
    assert await kafka.create_topic(topic) is False
    await until_known(kafka, topic, known=True)
    await kafka.delete_topics([topic])
    await kafka.delete_topics([topic])
    await until_known(kafka, topic, known=False)


async def test_a_topic_has_one_partition_and_forgets_after_ten_minutes(
    kafka: Kafka, topic: str, kafka_engine: KafkaEngine
) -> None:
    await kafka.create_topic(topic)
    await until_known(kafka, topic, known=True)
    admin = AdminClient({"bootstrap.servers": ",".join(kafka_engine.settings.brokers), "log_level": 0})
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    config = await asyncio.wrap_future(admin.describe_configs([resource])[resource])
    assert len(admin.list_topics(topic, timeout=5).topics[topic].partitions) == 1
    assert config["retention.ms"].value == "600000"
    assert int(config["segment.ms"].value) < 600_000, "Kafka removes whole segments only"
    assert config["min.insync.replicas"].value == str(kafka_engine.settings.min_insync)


async def test_a_topic_that_kafka_refuses_says_why(kafka_engine: KafkaEngine, topic: str) -> None:
    kafka = Kafka(kafka_engine.settings.model_copy(update={"replication": 7}))
    await kafka.start()
    with pytest.raises(Unavailable, match="replication"):
        await kafka.create_topic(topic)
    await kafka.close()


async def test_kafka_that_answers_passes_the_check(kafka: Kafka) -> None:
    await kafka.check()


async def test_settings_that_can_not_be_used_are_refused_at_the_start() -> None:
    kafka = Kafka(KafkaSettings(tls=TlsSettings(enabled=True, ca_file=Path("/nowhere/ca.pem"))))
    with pytest.raises(SettingsError, match=r"kafka: .*ca\.location"):
        await kafka.start()


@pytest.mark.parametrize(
    ("sasl", "tls", "protocol"),
    [("", False, "PLAINTEXT"), ("", True, "SSL"), ("PLAIN", False, "SASL_PLAINTEXT"), ("SCRAM-SHA-512", True, "SASL_SSL")],
)
def test_the_protocol_follows_from_password_and_encryption(sasl: str, tls: bool, protocol: str) -> None:  # noqa: FBT001
    settings = KafkaSettings.model_validate(
        {"sasl_mechanism": sasl, "username": "chat", "password": "secret", "tls": {"enabled": tls, "ca_file": "ca.pem"}}
    )
    told = client_settings(settings)
    assert told["security.protocol"] == protocol
    assert told.get("sasl.mechanism") == (sasl or None)
    assert told.get("sasl.password") == ("secret" if sasl else None)
    assert told.get("ssl.ca.location") == ("ca.pem" if tls else None)


def test_nobody_makes_topics_by_itself() -> None:
    settings = KafkaSettings()
    assert producer_settings(settings)["allow.auto.create.topics"] is False
    assert consumer_settings(settings, "name")["allow.auto.create.topics"] is False


def test_the_client_knows_all_that_a_producer_is_told() -> None:
    Producer(producer_settings(KafkaSettings())).close()


CHECKING = """
import asyncio, contextlib, sys
from randomchat.config import KafkaSettings
from randomchat.errors import Unavailable
from randomchat.infra.kafka import Kafka

async def check_again_and_again():
    kafka = Kafka(KafkaSettings(brokers=[sys.argv[1]]))
    await kafka.start()
    print("begun", flush=True)
    loop = asyncio.get_running_loop()
    end = loop.time() + float(sys.argv[2])
    while loop.time() < end:
        with contextlib.suppress(Unavailable):
            await kafka.check()
    await kafka.close()

asyncio.run(check_again_and_again())
"""


def test_a_broker_that_was_silent_for_too_long_ends_no_process_that_asks_it(kafka_engine: KafkaEngine) -> None:
    """For a moment it says that there are no brokers at all."""
    command = [sys.executable, "-c", CHECKING, *kafka_engine.settings.brokers, "8"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as asking:
        assert asking.stdout is not None
        assert asking.stdout.readline() == "begun\n"
        for _ in range(3):
            kafka_engine.pause()
            time.sleep(1.5)
            kafka_engine.resume()
            time.sleep(1)
        _, errors = asking.communicate(timeout=30)
    kafka_engine.wait_until_ready()
    assert asking.returncode == 0, errors
