"""The judge is tried first: it finds every planted fault, and nothing in a valid history."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.reliability.checker import Kind, judge, judge_pairs
from tests.reliability.history import (
    ConversationHistory,
    Invocation,
    Observation,
    PresenceObservation,
    SeenObservation,
    SeenSending,
    StoredMessage,
)
from tests.reliability.lateness import lateness_of
from tests.reliability.story import ANNA, BEN, Story

MOST_LATE_S = 5.0
SEEDS = range(12)

Plant = Callable[[ConversationHistory, random.Random], None]


def kinds(history: ConversationHistory) -> set[Kind]:
    return {violation.kind for violation in judge(history, MOST_LATE_S)}


def an_acknowledged(history: ConversationHistory, rng: random.Random) -> StoredMessage:
    return rng.choice([seen.message for seen in history.observations if seen.ack])


def a_place(history: ConversationHistory, rng: random.Random) -> list[StoredMessage]:
    return rng.choice([history.screens, history.rest])[rng.choice((ANNA, BEN))]


def drop_a_line(history: ConversationHistory, rng: random.Random) -> None:
    lines, key = a_place(history, rng), an_acknowledged(history, rng).key
    lines.remove(next(line for line in lines if line.key == key))


def drop_everywhere(history: ConversationHistory, rng: random.Random) -> None:
    key = an_acknowledged(history, rng).key
    for place in (history.screens, history.rest):
        for user in place:
            place[user] = [line for line in place[user] if line.key != key]


def never_read_history(history: ConversationHistory, rng: random.Random) -> None:
    del history.rest[rng.choice((ANNA, BEN))]


def double_a_line(history: ConversationHistory, rng: random.Random) -> None:
    lines = a_place(history, rng)
    line = rng.choice(lines)
    lines.append(replace(line, message_id=line.message_id + 1_000_000))


def alter_a_line(history: ConversationHistory, rng: random.Random) -> None:
    lines = a_place(history, rng)
    place = rng.randrange(len(lines))
    lines[place] = replace(lines[place], payload=lines[place].payload + ".")


def alter_a_frame(history: ConversationHistory, rng: random.Random) -> None:
    place = rng.randrange(len(history.observations))
    seen = history.observations[place]
    history.observations[place] = replace(seen, message=replace(seen.message, payload="other words"))


def change_two_places(history: ConversationHistory, rng: random.Random) -> None:
    lines = a_place(history, rng)
    mine = [place for place, line in enumerate(lines) if line.user_id == ANNA]
    start = rng.randrange(len(mine) - 1)
    one, two = mine[start], mine[start + 1]
    lines[one], lines[two] = (
        replace(lines[two], message_id=lines[one].message_id),
        replace(lines[one], message_id=lines[two].message_id),
    )


def change_two_places_for_everybody(history: ConversationHistory, rng: random.Random) -> None:
    """The server gave later words the smaller id: both sides agree, and both are wrong."""
    one, two = rng.sample([place for place, said in enumerate(history.invocations) if said.user_id == BEN], 2)
    said = history.invocations
    said[one], said[two] = said[two], said[one]


def a_ghost_on_a_screen(history: ConversationHistory, rng: random.Random) -> None:
    lines = a_place(history, rng)
    lines.append(StoredMessage(5_000_000, rng.choice((ANNA, BEN)), "ghost", 0, "boo"))


def a_ghost_on_a_socket(history: ConversationHistory, rng: random.Random) -> None:
    history.observations.append(Observation(ANNA, 0, StoredMessage(5_000_000, BEN, "", 0, "boo"), ack=False, at=500.0))


def words_put_in_the_others_mouth(history: ConversationHistory, rng: random.Random) -> None:
    lines = a_place(history, rng)
    place = rng.randrange(len(lines))
    lines[place] = replace(lines[place], user_id=history.peer_of(lines[place].user_id))


def an_unacknowledged_line_on_one_side(history: ConversationHistory, rng: random.Random) -> None:
    history.invocations.append(Invocation(ANNA, "half", "half sent", 500.0))
    history.screens[ANNA].append(StoredMessage(5_000_000, ANNA, "half", 0, "half sent"))


def other_ids_for_one_member(history: ConversationHistory, rng: random.Random) -> None:
    history.rest[BEN] = [replace(line, message_id=line.message_id + 1) for line in history.rest[BEN]]


def repeat_a_frame(history: ConversationHistory, rng: random.Random) -> None:
    seen = rng.choice(history.observations)
    history.observations.append(replace(seen, ack=False, at=500.0))


def repeat_a_frame_under_a_larger_id(history: ConversationHistory, rng: random.Random) -> None:
    seen = history.observations[-1]
    message = replace(seen.message, message_id=seen.message.message_id + 1)
    history.observations.append(replace(seen, message=message, ack=False, at=seen.at + 15))


def answer_once_too_often(history: ConversationHistory, rng: random.Random) -> None:
    history.observations.append(rng.choice([seen for seen in history.observations if seen.ack]))


def answer_on_the_wrong_socket(history: ConversationHistory, rng: random.Random) -> None:
    place = rng.choice([place for place, seen in enumerate(history.observations) if not seen.ack])
    history.observations[place] = replace(history.observations[place], ack=True)


def see_the_unsent(history: ConversationHistory, rng: random.Random) -> None:
    history.seen.append(SeenObservation(ANNA, 10_000, rng.choice((ANNA, BEN)), 5_000_000, 500.0))


def see_ones_own(history: ConversationHistory, rng: random.Random) -> None:
    newest = max(line.message_id for line in history.rest[ANNA] if line.user_id == ANNA)
    history.seen.append(SeenObservation(ANNA, 10_000, BEN, newest, 500.0))


def see_less(history: ConversationHistory, rng: random.Random) -> None:
    ids = [line.message_id for line in history.rest[ANNA] if line.user_id == ANNA]
    history.seen += [SeenObservation(BEN, 10_000, ANNA, message_id, 500.0) for message_id in (ids[-1], ids[0])]


def deliver_late(history: ConversationHistory, rng: random.Random) -> None:
    """Words that a connected peer got by a much later copy."""
    for span in history.live:
        span.ended = float("inf")
    key = an_acknowledged(history, rng).key
    for place, seen in enumerate(history.observations):
        if seen.message.key == key and seen.user_id != key[0]:
            history.observations[place] = replace(seen, at=seen.at + MOST_LATE_S + 60)


def forget_that_somebody_is_there(history: ConversationHistory, rng: random.Random) -> None:
    history.online[rng.choice((ANNA, BEN))].discard(rng.choice((ANNA, BEN)))


def a_ghost_is_online(history: ConversationHistory, rng: random.Random) -> None:
    history.present.discard(BEN)
    history.presence.append(PresenceObservation(ANNA, 10_000, BEN, "offline", 500.0))


def a_member_left_and_nobody_was_told(history: ConversationHistory, rng: random.Random) -> None:
    history.present.discard(BEN)
    history.online[ANNA] = {ANNA}


def told_wrongly_that_the_other_one_is_away(history: ConversationHistory, rng: random.Random) -> None:
    history.presence.append(PresenceObservation(ANNA, 10_000, BEN, rng.choice(("offline", "reconnecting")), 500.0))


def order_of_a_second_tab(history: ConversationHistory, rng: random.Random) -> None:
    """Its words changed places with each other."""
    mine = [place for place, said in enumerate(history.invocations) if said.user_id == ANNA]
    for place in mine:
        history.invocations[place] = replace(history.invocations[place], tab=1)
    one, two = rng.sample(mine, 2)
    said = history.invocations
    said[one], said[two] = said[two], said[one]


def a_line_missing_in_a_second_tab(history: ConversationHistory, rng: random.Random) -> None:
    lines = list(history.screens[ANNA])
    lines.remove(rng.choice(lines))
    history.more_screens["7, tab 1"] = lines


def see_less_than_either_tab_said(history: ConversationHistory, rng: random.Random) -> None:
    see_less(history, rng)
    newest = history.seen[-2].message_id
    history.seen_sent += [SeenSending(BEN, tab, newest) for tab in (0, 1)]


PLANTS: list[tuple[Plant, Kind]] = [
    (drop_a_line, Kind.LOST),
    (drop_everywhere, Kind.LOST),
    (never_read_history, Kind.LOST),
    (double_a_line, Kind.DOUBLE),
    (alter_a_line, Kind.ALTERED),
    (alter_a_frame, Kind.ALTERED),
    (change_two_places, Kind.ORDER),
    (change_two_places_for_everybody, Kind.ORDER),
    (a_ghost_on_a_screen, Kind.GHOST),
    (a_ghost_on_a_socket, Kind.GHOST),
    (words_put_in_the_others_mouth, Kind.GHOST),
    (an_unacknowledged_line_on_one_side, Kind.DIFFERS),
    (other_ids_for_one_member, Kind.DIFFERS),
    (repeat_a_frame, Kind.TWICE),
    (repeat_a_frame_under_a_larger_id, Kind.TWICE),
    (answer_once_too_often, Kind.UNASKED),
    (answer_on_the_wrong_socket, Kind.UNASKED),
    (see_the_unsent, Kind.SEEN_UNSENT),
    (see_ones_own, Kind.SEEN_UNSENT),
    (see_less, Kind.SEEN_BACK),
    (see_less_than_either_tab_said, Kind.SEEN_BACK),
    (deliver_late, Kind.LATE),
    (forget_that_somebody_is_there, Kind.PRESENCE),
    (a_ghost_is_online, Kind.PRESENCE),
    (a_member_left_and_nobody_was_told, Kind.PRESENCE),
    (told_wrongly_that_the_other_one_is_away, Kind.PRESENCE),
    (order_of_a_second_tab, Kind.ORDER),
    (a_line_missing_in_a_second_tab, Kind.LOST),
]


@pytest.mark.parametrize("seed", range(60))
def test_a_valid_history_passes(seed: int) -> None:
    assert judge(Story(seed).history, MOST_LATE_S) == []


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("plant", "kind"), PLANTS, ids=[plant.__name__ for plant, _ in PLANTS])
def test_a_planted_fault_is_found(plant: Plant, kind: Kind, seed: int) -> None:
    history = Story(seed).history
    plant(history, random.Random(seed))
    assert kind in kinds(history)


def test_every_kind_of_fault_is_planted() -> None:
    assert {kind for _, kind in PLANTS} == set(Kind) - {Kind.PAIR, Kind.UNANSWERED, Kind.REOPENED}


def test_a_resend_after_a_long_silence_may_come_again_under_its_new_id() -> None:
    history = Story(3).history
    seen = history.observations[-1]
    message = replace(seen.message, message_id=seen.message.message_id + 1)
    history.observations.append(replace(seen, message=message, ack=False, at=seen.at + 30))
    assert Kind.TWICE not in kinds(history)


def test_a_tab_may_be_behind_the_other_one_of_its_member() -> None:
    history = Story(3).history
    ids = [line.message_id for line in history.rest[ANNA] if line.user_id == ANNA]
    history.seen_sent += [SeenSending(BEN, 0, ids[-1]), SeenSending(BEN, 1, ids[0])]
    history.seen += [SeenObservation(ANNA, 10_000, ANNA, message_id, 500.0) for message_id in (ids[-1], ids[0])]
    assert judge(history, MOST_LATE_S) == []


def test_words_of_two_tabs_have_no_order_among_each_other() -> None:
    history = Story(3).history
    one, two = [place for place, said in enumerate(history.invocations) if said.user_id == BEN][:2]
    said = history.invocations
    said[one], said[two] = replace(said[two], tab=1), said[one]
    assert judge(history, MOST_LATE_S) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_story_has_all_that_makes_judging_hard(seed: int) -> None:
    history = Story(seed).history
    ids: dict[object, set[int]] = {}
    for seen in history.observations:
        ids.setdefault(seen.message.key, set()).add(seen.message.message_id)
    assert any(len(known) == 2 for known in ids.values())
    assert len(history.sendings) > len(history.invocations)
    assert len(history.live) > 2
    assert history.seen


def test_lateness_runs_from_the_acknowledgement_to_the_peers_first_copy() -> None:
    history = Story(3).history
    key = (ANNA, "late")
    message = StoredMessage(5_000_000, *key, 0, "late")
    history.observations += [
        Observation(ANNA, 10_000, message, ack=True, at=500.0),
        Observation(BEN, 10_001, message, ack=False, at=502.5),
    ]
    assert [late.seconds for late in lateness_of(history) if late.key == key] == [2.5]


def test_nobody_is_late_for_a_peer_who_is_away() -> None:
    history = Story(3).history
    history.live = []
    key = (ANNA, "late")
    message = StoredMessage(5_000_000, *key, 0, "late")
    history.observations += [
        Observation(ANNA, 10_000, message, ack=True, at=500.0),
        Observation(BEN, 10_001, message, ack=False, at=590.0),
    ]
    assert [late for late in lateness_of(history) if late.key == key] == []


@pytest.mark.parametrize(
    "results",
    [
        [(1, "a")],
        [(1, "a"), (1, "a")],
        [(1, "a"), (2, "a"), (3, "a")],
        [(1, "a"), (2, "a"), (1, "b"), (3, "b")],
    ],
    ids=["alone", "with oneself", "three", "two channels at once"],
)
def test_a_pair_that_is_none_is_found(results: list[tuple[int, str]]) -> None:
    assert {violation.kind for violation in judge_pairs(results)} == {Kind.PAIR}


def test_pairs_of_two_pass_and_a_result_may_come_to_several_tabs() -> None:
    assert judge_pairs([(1, "a"), (2, "a"), (2, "a"), (3, "b"), (4, "b")]) == []
