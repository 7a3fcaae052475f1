"""What people saw who searched for a partner, and the judgement on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.reliability.checker import Kind, Violation

KEPT_S = 50.0
"""A result is kept for 60 s; asking later than this may rightly begin a new search."""


@dataclass
class Search:
    """One new person looks for one partner. All times are seconds of one monotonic clock.

    Attributes:
        answers: the channel that each answer named, and when it came.
        members: whom the chat service has in that channel; None where it was never read.
        told_over: whether this person was told that the conversation is over (204 to its leaving, `leaved` or 4503).
        over: whether the token is refused at the end.
    """

    user_id: int
    answers: list[tuple[str, float]] = field(default_factory=list)
    members: set[int] | None = None
    told_over: bool = False
    over: bool | None = None

    @property
    def channel_id(self) -> str:
        """What the first answer named; empty where there is none."""
        return self.answers[0][0] if self.answers else ""


Forgiven = Callable[[float], bool]
"""Whether a result given at a time may rightly be forgotten: what is ephemeral was lost then."""


def nothing_forgiven(_: float) -> bool:
    return False


def judge_searches(searches: Sequence[Search], forgiven: Forgiven = nothing_forgiven) -> list[Violation]:
    """All that is wrong; every search has had the time that it needed."""
    found = [violation for search in searches for violation in _judge_one(search, forgiven)]
    told: dict[str, list[Search]] = {}
    for search in searches:
        for channel_id in {channel_id for channel_id, _ in search.answers}:
            told.setdefault(channel_id, []).append(search)
    for channel_id, them in told.items():
        found += _judge_channel(channel_id, them, forgiven)
    return found


def half_told(searches: Sequence[Search]) -> int:
    """How many channels only one member was told of."""
    channels = [search.channel_id for search in searches if search.answers]
    return sum(channels.count(channel_id) == 1 for channel_id in set(channels))


def _judge_one(search: Search, forgiven: Forgiven) -> Iterator[Violation]:
    where = f"person {search.user_id}"
    if not search.answers:
        yield Violation(Kind.UNANSWERED, "-", where, "no answer to the end")
        return
    first_at = search.answers[0][1]
    others = {channel for channel, at in search.answers if at - first_at < KEPT_S} - {search.channel_id}
    if others and not forgiven(first_at):
        yield Violation(Kind.PAIR, search.channel_id, where, f"one search, and in {sorted(others)} too")
    if search.members is not None and (len(search.members) != 2 or search.user_id not in search.members):
        yield Violation(Kind.PAIR, search.channel_id, where, f"the channel has {sorted(search.members)}")
    if search.told_over and search.over is False:
        yield Violation(Kind.REOPENED, search.channel_id, where, "the token is taken again")


def _judge_channel(channel_id: str, them: list[Search], forgiven: Forgiven) -> Iterator[Violation]:
    people = {search.user_id for search in them}
    if len(people) > 2:
        yield Violation(Kind.PAIR, channel_id, "members", f"was given to {sorted(people)}")
    first_at = min(at for search in them for channel, at in search.answers if channel == channel_id)
    if len(people) < 2 and not forgiven(first_at):
        yield Violation(Kind.PAIR, channel_id, "members", f"only {sorted(people)} was told of it")
