"""The filter of one socket, against a model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from randomchat.chat.domain import Event, Message
from randomchat.chat.once import NAMES_S, Once
from randomchat.ids import MessageId, UserId, side_of

ids = st.builds(
    lambda ms, side, counter: ms << 21 | side << 20 | counter, st.integers(1, 6), st.integers(0, 1), st.integers(0, 1)
)
messages = st.builds(
    lambda number, name: Message(MessageId(number), UserId(side_of(number) + 1), Event.TEXT, "x", name),
    ids,
    st.sampled_from([None, "a", "b"]),
)
steps = st.lists(st.one_of(messages, st.integers(0, 7 << 21)), max_size=40)


class Model:
    """The rules, said with whole lists: what was met, and what has been forgotten of it."""

    def __init__(self) -> None:
        self.met: list[Message] = []

    def add(self, message: Message) -> bool:
        new = all(known.id != message.id for known in self.met)
        tries = [known.id for known in self.met if message.client_id is not None and self.name(known) == self.name(message)]
        self.met.append(message)
        return new and all(message.id < known for known in tries)

    def name(self, message: Message) -> tuple[int, str | None]:
        return side_of(message.id), message.client_id

    def has(self, message_id: int) -> bool:
        return any(known.id == message_id for known in self.met)


@given(steps)
def test_it_lets_pass_what_the_rules_say(run: list[Message | int]) -> None:
    once, model = Once(), Model()
    for step in run:
        if isinstance(step, int):
            assert once.has(step) == model.has(step)
        else:
            assert once.add(step) == model.add(step)


@given(st.lists(messages, max_size=40))
def test_no_id_ever_passes_twice(run: list[Message]) -> None:
    once = Once()
    passed = [message.id for message in run if once.add(message)]
    assert len(passed) == len(set(passed))


@given(st.lists(messages, max_size=40))
def test_of_one_client_id_only_ever_smaller_ids_pass(run: list[Message]) -> None:
    once = Once()
    passed: dict[tuple[int, str], int] = {}
    for message in run:
        if once.add(message) and message.client_id is not None:
            name = side_of(message.id), message.client_id
            assert message.id < passed.get(name, 1 << 63)
            passed[name] = message.id


@given(st.lists(messages, max_size=30), st.integers(0, 7 << 21), st.lists(messages, max_size=30))
def test_forgetting_what_no_sweep_can_read_changes_nothing_for_what_it_can(
    before: list[Message], floor: int, after: list[Message]
) -> None:
    forgetful, faithful = Once(), Once()
    for message in before:
        assert forgetful.add(message) == faithful.add(message)
    forget_before(forgetful, floor)
    for message in after:
        if message.id >= floor:
            passes = forgetful.add(message), faithful.add(message)
            assert passes[0] == passes[1] or only_older_tries_differ(message, before, floor)


def forget_before(once: Once, floor: int) -> None:
    """By its id and, a while after the first sweep, by its name."""
    for now_s in (0.0, NAMES_S):
        once.forget_before(floor, now_s)


def test_a_name_is_known_for_a_while_though_its_message_is_old() -> None:
    """It was replayed, and its sender resends it only now."""
    once = Once()
    old, again = (Message(MessageId(ms << 21), UserId(1), Event.TEXT, "x", "a") for ms in (10, 90_000))
    assert once.add(old)
    for now_s in (1.0, 5.0, NAMES_S):
        once.forget_before(60_000 << 21, now_s)
    assert not once.add(again)


def only_older_tries_differ(message: Message, before: list[Message], floor: int) -> bool:
    """All that is known of its name has been forgotten: whoever stores it again now does so with a time long after."""
    same = [known for known in before if (side_of(known.id), known.client_id) == (side_of(message.id), message.client_id)]
    return message.client_id is not None and bool(same) and all(known.id < floor for known in same)


def test_what_was_forgotten_takes_no_room() -> None:
    once = Once()
    for number in range(1, 1000):
        once.add(Message(MessageId(number << 21), UserId(1), Event.TEXT, "x", f"c-{number}"))
    forget_before(once, 990 << 21)
    assert len(once._ids) == len(once._named[0]) == 10
