"""What people see while an engine of distributed mode is away, and how the page recovers by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect

from cluster.engines.cassandra import CassandraEngine
from cluster.engines.engine import Engine
from cluster.engines.kafka import KafkaEngine
from cluster.engines.redis import RedisEngine
from tests.deployment import DistributedServer
from tests.e2e.browser import Person, pair

pytestmark = [pytest.mark.browser, pytest.mark.cluster, pytest.mark.timeout(180)]

PATIENT_MS = 40_000


@pytest.fixture
def server(distributed_server: DistributedServer) -> DistributedServer:
    distributed_server.start()
    distributed_server.wait_until_ready()
    return distributed_server


@contextmanager
def away(engine: Engine) -> Iterator[None]:
    """Killed, and started again at the end."""
    engine.kill()
    try:
        yield
    finally:
        engine.start()
        engine.wait_until_ready()


def show_the_same(noa: Person, mia: Person, texts: list[str]) -> None:
    for person in (noa, mia):
        assert person.texts() == texts
        person.has_no_complaint(disturbed=True)


def test_without_cassandra_messages_wait_and_the_page_says_so(
    browser: Browser, server: DistributedServer, cassandra_engine: CassandraEngine
) -> None:
    with pair(browser, server.address) as (noa, mia):
        noa.say("before")
        mia.sees("before")
        with away(cassandra_engine):
            noa.say("into the dark")
            expect(noa.page.get_by_text("The server can't take messages right now")).to_be_visible(timeout=PATIENT_MS)
            expect(noa.mark("into the dark")).to_have_accessible_name("Sending")
            noa.is_accessible()
        expect(mia.page.get_by_text("into the dark", exact=True)).to_be_visible(timeout=PATIENT_MS)
        expect(noa.page.get_by_text("The server can't take messages right now")).to_be_hidden(timeout=PATIENT_MS)
        mia.say("there again")
        noa.sees("there again")
        show_the_same(noa, mia, ["before", "into the dark", "there again"])


def test_without_kafka_nothing_is_refused_only_late(
    browser: Browser, server: DistributedServer, kafka_engine: KafkaEngine
) -> None:
    with pair(browser, server.address) as (noa, mia):
        noa.say("before")
        mia.sees("before")
        with away(kafka_engine):
            noa.say("the slow way")
            expect(mia.page.get_by_text("the slow way", exact=True)).to_be_visible(timeout=PATIENT_MS)
            mia.say("arrives")
            expect(noa.page.get_by_text("arrives", exact=True)).to_be_visible(timeout=PATIENT_MS)
        show_the_same(noa, mia, ["before", "the slow way", "arrives"])


def test_without_redis_a_conversation_goes_on_and_a_search_waits(
    browser: Browser, server: DistributedServer, redis_engine: RedisEngine
) -> None:
    with pair(browser, server.address) as (noa, mia):
        with away(redis_engine):
            noa.say("as if nothing were")
            mia.sees("as if nothing were")
            eve = Person(browser, server.address, "Eve")
            ivo = Person(browser, server.address, "Ivo")
            for person in (eve, ivo):
                person.search()
                expect(person.page.get_by_text("Looking for someone")).to_be_visible()
        for person in (eve, ivo):
            expect(person.page).to_have_url(f"{server.address}/chat", timeout=PATIENT_MS)
            person.context.close()
        show_the_same(noa, mia, ["as if nothing were"])
