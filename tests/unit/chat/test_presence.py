"""Presence by the clock, with the graces of the contract."""

from __future__ import annotations

from randomchat.infra.mailbox_memory import Weather
from tests.unit.chat.stage import ACTION, ANNA, BEN, Stage, play


def test_a_clean_close_is_offline_after_2_s() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        anna, ben = await stage.connect(node, ANNA), await stage.connect(node, BEN)
        for code in (1000, 1001, 1005):
            left_s = stage.now_s
            anna.hang_up(code)
            await stage.until(left_s + 1.9)
            assert ben.actions()[-1][2] == "joined"
            await stage.until(left_s + 2.1)
            assert ben.actions()[-1] == (round(left_s + 2, 1), "anna", "offline")
            anna = await stage.connect(node, ANNA)

    play(scene)


def test_a_break_is_reconnecting_at_once_and_offline_after_15_s() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        anna, ben = await stage.connect(node, ANNA), await stage.connect(node, BEN)
        anna.hang_up(1006)
        await stage.until(30)
        assert ben.actions()[1:] == [(0.2, "anna", "reconnecting"), (15.2, "anna", "offline")]

    play(scene)


def test_across_nodes_the_graces_are_the_same() -> None:
    async def scene(stage: Stage) -> None:
        one, other = await stage.node(), await stage.node()
        anna, ben = await stage.connect(one, ANNA), await stage.connect(other, BEN)
        anna.hang_up(1006)
        await stage.until(20)
        anna = await stage.connect(one, ANNA)
        await stage.until(30)
        anna.hang_up(1000)
        await stage.until(40)
        told = [(0.2, "reconnecting"), (15.2, "offline"), (20.0, "joined"), (32.0, "offline")]
        assert [(at_s, what) for at_s, who, what in ben.actions()[1:] if who == "anna"] == told

    play(scene)


def test_whoever_is_back_within_the_grace_has_joined_and_nothing_more_is_said() -> None:
    async def scene(stage: Stage) -> None:
        one, other = await stage.node(), await stage.node()
        anna, ben = await stage.connect(one, ANNA), await stage.connect(other, BEN)
        anna.hang_up(1006)
        await stage.until(15)
        anna = await stage.connect(other, ANNA)
        anna.hang_up(1000)
        await stage.until(16.9)
        await stage.connect(one, ANNA)
        await stage.until(60)
        assert [what for _, who, what in ben.actions()[1:] if who == "anna"] == ["reconnecting", "joined", "joined"]

    play(scene)


def test_the_grace_of_one_member_outlives_a_reload_of_the_other() -> None:
    async def scene(stage: Stage) -> None:
        one = await stage.node()
        anna, ben = await stage.connect(one, ANNA), await stage.connect(one, BEN)
        anna.hang_up(1006)
        await stage.until(5)
        ben.hang_up(1001)
        await stage.until(6)
        ben = await stage.connect(one, BEN, after=0)
        await stage.until(30)
        assert [what for _, who, what in ben.actions() if who == "anna"] == ["reconnecting", "offline"]

    play(scene)


def test_a_dead_node_is_noticed_when_its_lease_lapses() -> None:
    async def scene(stage: Stage) -> None:
        one, other = await stage.node(), await stage.node()
        ben = await stage.connect(other, BEN)
        await stage.connect(one, ANNA)
        await stage.until(10)
        one.app.node._loops.cancel()
        await stage.until(40)
        (gone_s, _, gone), (offline_s, _, offline) = ben.actions()[-2:]
        assert (gone, offline) == ("reconnecting", "offline")
        assert 14 <= gone_s <= 16.5
        assert round(offline_s - gone_s) == 15

    play(scene)


def test_a_goodbye_of_the_server_for_good_counts_as_a_clean_one() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        ben = await stage.connect(node, BEN)
        anna = await stage.connect(node, ANNA, ttl_s=10)
        await stage.until(15)
        assert anna.closed_with == 4501
        assert [what for _, who, what in ben.actions() if who == "anna"] == ["joined", "offline"]
        assert ben.actions()[-1][0] == round(anna.closed_at_s + 2, 1)

    play(scene)


def test_typing_ends_after_6_s_without_a_sign() -> None:
    async def scene(stage: Stage) -> None:
        one, other = await stage.node(), await stage.node()
        anna, ben = await stage.connect(one, ANNA), await stage.connect(other, BEN)
        await stage.until(1)
        anna.send(ACTION, "istyping")
        await stage.until(5)
        anna.send(ACTION, "istyping")
        await stage.until(20)
        for line in (anna, ben):
            assert line.actions()[-2:] == [(1.0, "anna", "istyping"), (11.0, "anna", "endtyping")]

    play(scene)


def test_typing_whose_end_is_lost_on_the_way_ends_all_the_same() -> None:
    async def scene(stage: Stage) -> None:
        one, other = await stage.node(), await stage.node()
        anna, ben = await stage.connect(one, ANNA), await stage.connect(other, BEN)
        await stage.until(1)
        anna.send(ACTION, "istyping")
        await stage.until(2)
        stage.broker.weather = Weather(lost=1.0)
        await stage.until(20)
        assert ben.actions()[-2:] == [(1.0, "anna", "istyping"), (9.0, "anna", "endtyping")]

    play(scene)


def test_news_that_are_overtaken_by_later_ones_are_dropped() -> None:
    async def scene(stage: Stage) -> None:
        one, other = await stage.node(), await stage.node()
        anna, ben = await stage.connect(one, ANNA), await stage.connect(other, BEN)
        await stage.until(10)
        stage.broker.weather = Weather(late=1.0, delay_s=(1.5, 1.5))
        anna.hang_up(1006)
        await stage.until(10.2)
        stage.broker.weather = None
        await stage.connect(one, ANNA)
        await stage.until(60)
        assert ben.actions()[-1][2] == "joined"
        assert "offline" not in [what for _, _, what in ben.actions()]

    play(scene)


def test_a_goodbye_that_is_slow_to_be_written_does_not_undo_the_return() -> None:
    async def scene(stage: Stage) -> None:
        one, other = await stage.node(), await stage.node()
        anna, ben = await stage.connect(one, ANNA), await stage.connect(other, BEN)
        await stage.until(20)
        stage.routes.write_takes_s = 0.5
        anna.hang_up(1001)
        await stage.until(20.1)
        stage.routes.write_takes_s = 0.01
        await stage.connect(one, ANNA)
        await stage.until(60)
        assert "offline" not in [what for _, _, what in ben.actions()]
        assert (await stage.routes.get(stage.store.channel.id)).keys() == {one.app.node.id, other.app.node.id}

    play(scene)


def test_of_two_who_break_off_together_the_first_one_back_is_told_of_the_other() -> None:
    async def scene(stage: Stage) -> None:
        node = await stage.node()
        for line in (await stage.connect(node, ANNA), await stage.connect(node, BEN)):
            line.hang_up(1006)
        await stage.until(5)
        anna = await stage.connect(node, ANNA, after=0)
        await stage.until(40)
        assert [(who, what) for _, who, what in anna.actions()] == [
            ("anna", "waiting"),
            ("ben", "reconnecting"),
            ("ben", "offline"),
        ]

    play(scene)
