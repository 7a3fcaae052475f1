"""When a channel is read again, and what comes of it."""

from __future__ import annotations

import asyncio
import itertools

from randomchat.chat.domain import Message
from randomchat.config import ChatSettings, LimitSettings, Settings, SweepSettings
from randomchat.ids import MessageId, first_id_at, time_ms_of
from randomchat.infra.mailbox_memory import Weather
from tests.unit.chat.stage import ANNA, BEN, TEXT, Node, Stage, play


async def stored_elsewhere(stage: Stage, text: str, ago_s: float = 0.0) -> MessageId:
    """A message of Anna's that no node is told of."""
    message_id = MessageId(first_id_at(stage.nodes[0].clock.wall_ms() - ago_s * 1000) + 5)
    stage.store.apply(Message(message_id, ANNA, TEXT, text, text))
    return message_id


def due_at(node: Node) -> list[float]:
    """When the node has swept, to half a second; the first read is the join's own."""
    return [round(2 * at_s) / 2 for at_s in node.link.reads_at_s]


def test_a_channel_is_swept_1_s_and_5_s_after_a_join_and_then_every_60_s() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        await stage.connect(node, ANNA)
        await stage.until(200)
        assert near(due_at(node), [0, 1, 5, 65, 125, 185])

    play(scene)


def near(found: list[float], wanted: list[float]) -> bool:
    """Whether every time is as wanted, but for the half second that a look takes."""
    return len(found) == len(wanted) and all(0 <= one - other <= 1 for one, other in zip(found, wanted, strict=True))


def test_a_channel_is_swept_20_s_after_its_last_traffic() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        anna = await stage.connect(node, ANNA)
        for at_s in (10, 15, 25):
            await stage.until(at_s)
            anna.send(TEXT, str(at_s))
        await stage.until(90)
        assert near(due_at(node), [0, 1, 5, 45])

    play(scene)


def test_steady_traffic_does_not_put_a_sweep_off_beyond_60_s() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        anna = await stage.connect(node, ANNA)
        for at_s in range(10, 140, 5):
            await stage.until(at_s)
            anna.send(TEXT, str(at_s))
        assert near(due_at(node), [0, 1, 5, 65, 125])

    play(scene)


def test_the_loss_of_a_node_is_followed_by_sweeps() -> None:
    async def scene(stage: Stage) -> None:
        one, other = await stage.node(), await stage.node()
        await stage.connect(one, ANNA)
        await stage.connect(other, BEN)
        await stage.until(20)
        await other.app.stop()
        before = len(one.link.reads_at_s)
        await stage.until(30)
        assert near(due_at(one)[before:], [21, 25])
        stage.nodes.remove(other)

    play(scene)


def test_a_lost_lease_is_followed_by_sweeps_of_everything() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        await stage.connect(node, ANNA)
        await stage.until(20.5)
        stage.leases.empty()
        stage.routes.empty()
        await stage.until(30)
        assert near(due_at(node), [0, 1, 5, 22, 26])
        assert await stage.routes.get(stage.store.channel.id)

    play(scene)


def test_while_posts_do_not_arrive_a_channel_is_swept_every_2_s() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        await stage.connect(node, ANNA)
        await stage.until(10)
        stage.broker.weather = Weather(lost=1.0)
        await stage.until(24)
        assert node.app.node.fast_path_trouble() == "the mailbox does not deliver"
        sweeps = [at_s for at_s in node.link.reads_at_s if at_s > 15]
        assert 4 <= len(sweeps) <= 5
        stage.broker.weather = None
        await stage.until(26)
        assert node.app.node.fast_path_trouble() is None
        await stage.until(50)
        assert len([at_s for at_s in node.link.reads_at_s if 25 < at_s < 50]) == 2, "for what was lost until just now"

    play(scene)


def test_while_routes_do_not_answer_a_channel_is_swept_every_2_s() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        await stage.connect(node, ANNA)
        await stage.until(10)
        stage.leases.away = stage.routes.away = True
        await stage.until(24)
        assert node.app.node.fast_path_trouble() == "the routes do not answer"
        assert 4 <= len([at_s for at_s in node.link.reads_at_s if at_s > 15]) <= 5

    play(scene)


def test_a_node_reads_no_more_than_its_rate() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        for number in range(40):
            await stage.connect(node, ANNA, channel=1000 + number)
        await stage.until(20)
        stage.broker.weather = Weather(lost=1.0)
        await stage.until(30)
        swept = [at_s for at_s in node.link.reads_at_s if 25 <= at_s < 30]
        assert 35 <= len(swept) <= 41
        stage.broker.weather = None

    slow = ChatSettings(sweep=SweepSettings(reads_per_second=8))
    play(scene, Settings(chat=slow, limits=LimitSettings(enabled=False)))


def test_a_sweep_reaches_back_30_s_behind_the_last_one() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        await stage.connect(node, ANNA)
        await stage.until(70)
        behind_s = [
            node.clock.wall_ms() / 1000 - 70 + at_s - time_ms_of(since) / 1000
            for at_s, since in zip(node.link.reads_at_s, node.link.read_from, strict=True)
        ]
        (_, first, second, third) = behind_s
        assert round(first) == 31
        assert round(second) == 34
        assert round(third) == 90

    play(scene)


def test_a_message_that_surfaces_late_is_found_and_shown_once() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        line = await stage.connect(node, BEN)
        await stage.until(66)
        await stored_elsewhere(stage, "late", ago_s=25)
        await stage.until(300)
        assert line.texts() == ["late"]

    play(scene)


def test_what_is_still_being_stored_is_left_alone() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        line = await stage.connect(node, BEN)
        message_id = await stored_elsewhere(stage, "under way")
        live = node.app.node._hub.channels[stage.store.channel.id]
        live.pending.add(message_id)
        await stage.until(3)
        assert line.texts() == []
        live.pending.discard(message_id)
        await stage.until(10)
        assert line.texts() == ["under way"]

    play(scene)


def test_a_failed_sweep_is_tried_again_every_2_s_and_after_60_s_the_sockets_are_closed() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        anna, ben = await stage.connect(node, ANNA), await stage.connect(node, BEN)
        await stage.until(50)
        node.link.reads = False
        await stage.until(64)
        assert ben.closed_with is None
        await stage.until(200)
        assert [line.closed_with for line in (anna, ben)] == [4012, 4012]
        assert 125 <= ben.closed_at_s <= 140
        tried = [at_s for at_s in node.link.reads_at_s if 64 < at_s < 125]
        assert all(2 <= later - sooner < 3 for sooner, later in itertools.pairwise(tried))

    play(scene)


def test_a_store_that_is_back_before_60_s_costs_nothing() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        line = await stage.connect(node, BEN)
        await stage.until(50)
        node.link.reads = False
        await stage.until(100)
        await stored_elsewhere(stage, "meanwhile", ago_s=20)
        node.link.reads = True
        await stage.until(105)
        assert line.texts() == ["meanwhile"]
        await stage.until(300)
        assert line.closed_with is None

    play(scene)


def test_a_channel_that_is_gone_ends_its_sockets() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        line = await stage.connect(node, BEN)
        node.link.gone = True
        await stage.until(3)
        assert line.closed_with == 4503

    play(scene)


def test_no_message_is_shown_twice_in_a_long_conversation_with_many_sweeps() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        anna, ben = await stage.connect(node, ANNA), await stage.connect(node, BEN, after=0)
        for number in range(300):
            anna.send(TEXT, str(number), client_id=str(number))
            await asyncio.sleep(number % 7)
        await stage.until(stage.now_s + 100)
        for line in (anna, ben):
            assert line.texts() == [str(number) for number in range(300)]
        assert_remembers_little(node)

    def assert_remembers_little(node: Node) -> None:
        (channel,) = node.app.node._hub.channels.values()
        assert all(len(socket.once._ids) < 40 for socket in channel.sockets)

    play(scene)
