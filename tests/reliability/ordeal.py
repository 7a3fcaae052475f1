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
from tests.reliability.report import Report, Strike, Wait
from tests.reliability.searches import half_told, judge_searches
from tests.reliability.seekers import Crowd
from tests.reliability.tab import Tab

PAGE = 97
MOST_UNDER_WAY_S = 0.02
OVERTIME_S = 60.0
GONE_S = 8.0
"""From a member's closing its page until everybody knows: a grace of 2 s, and room for a busy machine."""
FORGOTTEN_S = (20.0, 60.0)
"""A result that was given so long before or after what is ephemeral was lost may be forgotten with it."""
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
        seekers: how many people search, meet and part meanwhile, again and again.
        second_tabs: of this share of the pairs one member has two tabs.
        leavers: whether some go before the judgement, which is then about that too.
        most_late_s: what is acknowledged reaches a connected peer within this.
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
    sleeps_per_s: float = 0.0
    seekers: int = 0
    second_tabs: float = 0.0
    leavers: bool = False
    settle_s: float = 60.0
    quiet_s: float = 8.0
    most_late_s: float = 5.0


class Conversation:
    """Two tabs, or three, and their common history."""

    def __init__(self, members: tuple[Member, Member], rng: random.Random, *, second_tab: bool = False) -> None:
        one, other = members
        self.history = ConversationHistory(one.channel_id, (one.user_id, other.user_id))
        self.history.present = {one.user_id, other.user_id}
        self.tabs = [Tab(member, self.history, rng) for member in members]
        if second_tab:
            self.tabs.append(Tab(one, self.history, rng, number=1))

    async def lose_one(self) -> None:
        """The member with one tab closes it."""
        self.history.present.discard(self.tabs[1].member.user_id)
        await self.tabs[1].leave()

    async def read_at_the_end(self) -> None:
        """One member reads history in one page, the other in many."""
        for tab, limit in zip(self.tabs[:2], (None, PAGE), strict=True):
            self.history.screens[tab.member.user_id] = tab.screen.lines
            self.history.rest[tab.member.user_id] = await tab.member.read_history(limit)
            if tab.member.user_id in self.history.present:
                self.history.online[tab.member.user_id] = await tab.member.read_online()
        for tab in self.tabs[2:]:
            self.history.more_screens[f"{tab.member.user_id}, tab {tab.number}"] = tab.screen.lines


class Ordeal:
    """One run of a plan. The server must be ready; it is left running."""

    def __init__(self, server: Deployment, plan: Plan, faults: Sequence[Fault] = (), people: MeetPeople = meet) -> None:
        """Each of the `faults` strikes once, in a random sequence, then each again, and so on; `run` needs one at least."""
        self._server, self._plan, self._faults, self._meet = server, plan, faults, people
        self._random = random.Random(plan.seed)
        self._conversations: list[Conversation] = []
        self._report = Report()
        self._began = 0.0
        self.under_way: list[str] = []

    @property
    def now_s(self) -> float:
        """Since the beginning of the trouble."""
        return asyncio.get_running_loop().time() - self._began

    def progress(self) -> str:
        """One line."""
        said = sum(len(conversation.history.invocations) for conversation in self._conversations)
        unsent = sum(len(tab.outbox) for tab in self._tabs)
        live = sum(tab.live for tab in self._tabs)
        trouble = " + ".join(self.under_way) or "-"
        return f"{self.now_s:6.1f} s  {said} said, {unsent} unanswered, {live} of {len(self._tabs)} connected, trouble: {trouble}"

    async def run(self) -> Report:
        """Let the faults of the plan strike."""
        return await self.endure(self._strike_again_and_again)

    async def endure(self, trouble: Callable[[], Awaitable[None]]) -> Report:
        """Let people chat for as long as `trouble` takes, whatever that does; then heal, and judge."""
        pairs = await self._meet(self._server.address, self._plan.pairs)
        self._report.violations += judge_pairs([(member.user_id, member.channel_id) for pair in pairs for member in pair])
        if self._report.violations:
            return self._report
        self._began = asyncio.get_running_loop().time()
        self._conversations = [self._begin(pair) for pair in pairs]
        self._crowd = Crowd(self._server.address, random.Random(self._random.random()), self._plan.seekers)
        try:
            await self._chat_during(trouble)
            await self._heal()
            await self._judge()
        finally:
            await asyncio.gather(self._crowd.close(), *(tab.close() for tab in self._tabs))
        return self._report

    def _begin(self, pair: tuple[Member, Member]) -> Conversation:
        second_tab = self._random.random() < self._plan.second_tabs
        return Conversation(pair, random.Random(self._random.random()), second_tab=second_tab)

    @property
    def _tabs(self) -> list[Tab]:
        return [tab for conversation in self._conversations for tab in conversation.tabs]

    # ---------------------------------------------------------------- trouble
    async def _chat_during(self, trouble: Callable[[], Awaitable[None]]) -> None:
        others = [asyncio.create_task(work) for work in (self._chat(), self._cut(), self._reload(), self._sleep())]
        try:
            await trouble()
        finally:
            for task in others:
                task.cancel()
        outcomes = await asyncio.gather(*others, return_exceptions=True)
        self._report.complaints += [repr(outcome) for outcome in outcomes if not isinstance(outcome, asyncio.CancelledError)]

    async def _strike_again_and_again(self) -> None:
        """At random moments, once in a while also before the server has come up."""
        moments = sorted(self._random.uniform(0, self._plan.seconds) for _ in range(self._plan.strikes))
        for moment, fault in zip(moments, self._next_fault(), strict=False):
            if self.now_s > 1.2 * self._plan.seconds + OVERTIME_S:  # those before took longer than planned
                break
            await asyncio.sleep(max(0.0, moment - self.now_s))
            await self._have_words_under_way(self._tabs)
            await self._strike(fault)
        await asyncio.sleep(max(0.0, self._plan.seconds - self.now_s))

    async def _strike(self, fault: Fault) -> None:
        """Let it happen for some time, mostly a short one, and mostly wait until all is ready again."""
        began_s, shortest_s, longest_s = self.now_s, *self._plan.down_s
        self.under_way.append(fault.name)
        try:
            await asyncio.to_thread(fault.strike)
            await asyncio.sleep(shortest_s + (longest_s - shortest_s) * self._random.random() ** 2)
        finally:
            await asyncio.to_thread(fault.heal)
            self.under_way.remove(fault.name)
        ended_s, ready_s = self.now_s, None
        if self._random.random() < self._plan.waits:
            await asyncio.to_thread(self._server.wait_until_ready)
            ready_s = self.now_s - ended_s
        self._report.strikes.append(Strike(fault.name, began_s, ended_s, ready_s))

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

    async def _sleep(self) -> NoReturn:
        if not self._plan.sleeps_per_s:
            await asyncio.Future()
        while True:
            await asyncio.sleep(self._random.expovariate(self._plan.sleeps_per_s))
            self._random.choice(self._tabs).sleep(self._random.choice((1, 5, 20)))

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
        if self._plan.seekers:
            await self._crowd.end(self._plan.settle_s)
        await asyncio.sleep(self._plan.quiet_s)
        self._report.complaints += [complaint for tab in self._tabs for complaint in tab.complaints]
        if self._plan.leavers:
            await asyncio.gather(*(conversation.lose_one() for conversation in self._conversations[::3]))
            await asyncio.sleep(GONE_S)

    async def _judge(self) -> None:
        self._judge_searches()
        report = self._report
        report.outages = [Wait(o.began - self._began, o.ended - o.began) for tab in self._tabs for o in tab.outages]
        for conversation in self._conversations:
            await conversation.read_at_the_end()
            history = conversation.history
            report.violations += judge(history, self._plan.most_late_s)
            report.said += len(history.invocations)
            report.resent += len(history.sendings) - len({(sent.user_id, sent.client_id) for sent in history.sendings})
            self._note_waits(history)

    def _note_waits(self, history: ConversationHistory) -> None:
        acknowledged, said = history.acknowledged, {said.key: said.at for said in history.invocations}
        self._report.acknowledged += len(acknowledged)
        known = [(key, at) for key, at in acknowledged.items() if key in said]
        self._report.answers += [Wait(said[key] - self._began, at - said[key]) for key, at in known]
        self._report.late += [Wait(acknowledged[late.key] - self._began, late.seconds) for late in lateness_of(history)]

    def _judge_searches(self) -> None:
        searches = self._crowd.searches
        self._report.searches, self._report.half_told = len(searches), half_told(searches)
        self._report.complaints += self._crowd.complaints
        self._report.violations += judge_searches(searches, self._is_forgiven)

    def _is_forgiven(self, at: float) -> bool:
        before_s, after_s = FORGOTTEN_S
        return any(
            strike.began_s - after_s <= at - self._began <= strike.ended_s + before_s
            for strike in self._report.strikes
            if self._forgets(strike.fault)
        )

    def _forgets(self, name: str) -> bool:
        return any(fault.name == name and fault.forgets for fault in self._faults)
