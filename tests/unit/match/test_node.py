"""What a match node says of itself."""

from __future__ import annotations

import asyncio

from randomchat.infra.mailbox import topic_of
from tests.unit.match.crowd import Town
from tests.unit.match.test_healing import in_town


def test_a_node_that_hears_nothing_says_so_until_it_does() -> None:
    async def scenario(town: Town) -> None:
        deaf, other = (app.node for app in town.apps)
        await asyncio.sleep(5)
        assert deaf.trouble() is None
        town.broker.pause(topic_of("match", deaf.id))
        await asyncio.sleep(6)
        assert deaf.trouble() == "the mailbox does not deliver"
        assert other.trouble() is None
        town.broker.resume()
        await asyncio.sleep(2)
        assert deaf.trouble() is None

    in_town(scenario)
