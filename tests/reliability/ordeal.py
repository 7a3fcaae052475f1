"""Pairs that chat while faults strike their servers and their lines are cut; then all is healed, and judged."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

from tests.deployment import Deployment
from tests.reliability.checker import judge, judge_pairs
from tests.reliability.faults import Fault
from tests.reliability.history import ConversationHistory
from tests.reliability.lateness import lateness_of
from tests.reliability.member import Member, meet
from tests.reliability.report import Report, Strike
from tests.reliability.tab import Tab

PAGE = 97
MOST_UNDER_WAY_S = 0.02
WORDS = "chat wörter 漢字 \U0001f642 \\ \" ' <b> \t &amp; "


MeetPeople = Callable[[str, int], Awaitable[list[tuple[Member, Member]]]]
"""From the address and the number of pairs to people who have found each other."""


@dataclass(frozen=True)
class Plan:
    """One run.

    Attributes:
        rate: messages a second in all.
        strikes: how many faults there are, at random moments.
        down_s: the shortest and the longest time from a strike to its healing.
        waits: how often all is ready again before the next strike, from 0 (never) to 1.
        settle_s: most time from healing until everybody is connected and answered.
        quiet_s: from then to the judgement.
    """

    seconds: float
    seed: int
    pairs: int = 20
    rate: float = 100.0
    strikes: int = 10
    down_s: tuple[float, float] = (0, 1.5)
    waits: float = 0.8
    cuts_per_s: float = 0.5
    reloads_per_s: float = 0.2
    settle_s: float = 60.0
    quiet_s: float = 8.0
    most_late_s: float = 5.0


class Conversation:
    """Two tabs and their common history."""

    def __init__(self, members: tuple[Member, Member], rng: random.Random) -> None:
        one, other = members
        self.history = ConversationHistory(one.channel_id, (one.user_id, other.user_id))
        self.tabs = [Tab(member, self.history, rng) for member in members]

    async def read_at_the_end(self) -> None:
        """One member reads history in one page, the other in many."""
        for tab, limit in zip(self.tabs, (None, PAGE), strict=True):
            self.history.screens[tab.member.user_id] = tab.screen.lines
            self.history.rest[tab.member.user_id] = await tab.member.read_history(limit)

    async def complaints(self) -> list[str]:
        """What the tabs have met, and who is not called online by somebody who is."""
        missing = [
            f"{tab.member.user_id} is told that {missed} is away" for tab in self.tabs for missed in await self._missed(tab)
        ]
        return [complaint for tab in self.tabs for complaint in tab.complaints] + missing

    async def _missed(self, tab: Tab) -> set[int]:
        return set(self.history.members) - await tab.member.read_online()


class Ordeal:
    """One run of a plan. The server must be ready; it is left running."""

    def __init__(self, server: Deployment, plan: Plan, faults: Sequence[Fault] = (), people: MeetPeople = meet) -> None:
        """Each of the `faults` strikes once, in a random sequence, then each again, and so on; `run` needs one at least."""
        self._server, self._plan, self._faults, self._meet = server, plan, faults, people
        self._random = random.Random(plan.seed)
        self._conversations: list[Conversation] = []
        self._report = Report()

    async def run(self) -> Report:
        """Let the faults of the plan strike."""
        return await self.endure(self._strike_again_and_again)

    async def endure(self, trouble: Callable[[], Awaitable[None]]) -> Report:
        """Let people chat for as long as `trouble` takes, whatever that does; then heal, and judge."""
        pairs = await self._meet(self._server.address, self._plan.pairs)
        self._report.violations += judge_pairs([(member.user_id, member.channel_id) for pair in pairs for member in pair])
        if self._report.violations:
            return self._report
        self._conversations = [Conversation(pair, random.Random(self._random.random())) for pair in pairs]
        try:
            await self._chat_during(trouble)
            await self._heal()
            await self._judge()
        finally:
            await asyncio.gather(*(tab.close() for tab in self._tabs))
        return self._report

    @property
    def _tabs(self) -> list[Tab]:
        return [tab for conversation in self._conversations for tab in conversation.tabs]

    # ---------------------------------------------------------------- trouble
    async def _chat_during(self, trouble: Callable[[], Awaitable[None]]) -> None:
        others = [asyncio.create_task(work) for work in (self._chat(), self._cut(), self._reload())]
        try:
            await trouble()
        finally:
            for task in others:
                task.cancel()
        outcomes = await asyncio.gather(*others, return_exceptions=True)
        self._report.complaints += [repr(outcome) for outcome in outcomes if not isinstance(outcome, asyncio.CancelledError)]

    async def _strike_again_and_again(self) -> None:
        """At random moments, once in a while also before the server has come up."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        moments = sorted(self._random.uniform(0, self._plan.seconds) for _ in range(self._plan.strikes))
        for moment, fault in zip(moments, self._next_fault(), strict=False):
            await asyncio.sleep(max(0.0, began + moment - loop.time()))
            await self._have_words_under_way(self._tabs)
            struck = loop.time() - began
            await asyncio.to_thread(fault.strike)
            try:
                await asyncio.sleep(self._random.uniform(*self._plan.down_s))
            finally:
                await asyncio.to_thread(fault.heal)
            self._report.strikes.append(Strike(fault.name, struck, loop.time() - began))
            if self._random.random() < self._plan.waits:
                await asyncio.to_thread(self._server.wait_until_ready)
        await asyncio.sleep(max(0.0, began + self._plan.seconds - loop.time()))

    def _next_fault(self) -> Iterator[Fault]:
        while True:
            yield from self._random.sample(self._faults, len(self._faults))

    async def _have_words_under_way(self, tabs: list[Tab]) -> None:
        """An answer takes a millisecond: without this, trouble would hardly ever hit a message."""
        for tab in tabs:
            for _ in range(self._random.randrange(6)):
                tab.say(self._words())
        await asyncio.sleep(self._random.uniform(0, MOST_UNDER_WAY_S))

    def _words(self) -> str:
        return f"{WORDS}{self._random.random()}{'.' * self._random.choice((0, 0, 80, 3000))}"

    async def _chat(self) -> NoReturn:
        """Bursts of words, at the planned rate on average."""
        while True:
            tab, burst = self._random.choice(self._tabs), self._random.choice((1, 1, 1, 2, 3, 12))
            for _ in range(burst):
                tab.say(self._words())
            await asyncio.sleep(self._random.expovariate(self._plan.rate / burst))

    async def _cut(self) -> NoReturn:
        while True:
            await asyncio.sleep(self._random.expovariate(self._plan.cuts_per_s))
            tab = self._random.choice(self._tabs)
            await self._have_words_under_way([tab])
            tab.cut()

    async def _reload(self) -> NoReturn:
        while True:
            await asyncio.sleep(self._random.expovariate(self._plan.reloads_per_s))
            self._random.choice(self._tabs).reload()

    # ---------------------------------------------------------------- afterwards
    async def _heal(self) -> None:
        await asyncio.to_thread(self._server.wait_until_ready)
        try:
            async with asyncio.timeout(self._plan.settle_s):
                while not all(tab.settled for tab in self._tabs):  # noqa: ASYNC110 - the tabs know nothing of being waited for
                    await asyncio.sleep(0.1)
        except TimeoutError:
            stuck = [tab for tab in self._tabs if not tab.settled]
            self._report.complaints += [f"{t.member.user_id} is stuck: live {t.live}, {len(t.outbox)} unsent" for t in stuck]
        await asyncio.sleep(self._plan.quiet_s)

    async def _judge(self) -> None:
        report = self._report
        report.outages_s += [outage for tab in self._tabs for outage in tab.outages]
        for conversation in self._conversations:
            report.complaints += await conversation.complaints()
            await conversation.read_at_the_end()
            history = conversation.history
            report.violations += judge(history, self._plan.most_late_s)
            report.late_s += [late.seconds for late in lateness_of(history)]
            report.said += len(history.invocations)
            report.acknowledged += len(history.acknowledged)
            report.resent += len(history.sendings) - len({(sent.user_id, sent.client_id) for sent in history.sendings})
