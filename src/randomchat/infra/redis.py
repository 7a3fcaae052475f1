"""A Redis Cluster: commands and scripts, each bounded in time, through fail-overs and moves of its slots.

redis-py keeps the map of the cluster and the connections. The calls go straight to its nodes: its cluster client would read the
map anew after every call that failed, with all other calls waiting for that and all connections made again.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import structlog
from redis.asyncio.cluster import ClusterNode, PipelineCommand, RedisCluster
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ConnectionError,  # noqa: A004 - redis-py's own, which is no OSError
    MovedError,
    NoScriptError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    SlotNotCoveredError,
    TryAgainError,
)

from randomchat.config import RedisSettings, SettingsError, TlsSettings
from randomchat.errors import Unavailable

CONNECTIONS = 32
"""Most commands under way at one node; more wait for their turn. So a node that hangs holds up no more than that."""
PAUSES_S = (0.0, 0.0, 0.02, 0.05, 0.1)
"""Before each try of a command: the first repetition is for a connection that was closed, the others for a slot on the move."""
LOOK_EVERY_S = 0.3
"""The shortest time between two looks at the cluster, and the time between them while something is wrong."""
_SPARE_CONNECTIONS = 4  # for looks
_PASSING = (ConnectionError, ClusterDownError, ReadOnlyError, SlotNotCoveredError, TryAgainError)
"""What a fail-over or a move of slots looks like from here."""

Word = str | bytes | int | float

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Script:
    """Lua that runs in one step, on keys of one hash slot. Redis knows it by its hash, once it has run there."""

    text: str

    @cached_property
    def sha(self) -> str:
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class Redis:
    """The connection of one process to a Redis Cluster.

    `prefix` begins every key, so that several systems can share a cluster. Every call raises `Unavailable` after
    `settings.timeout_s` at the latest, and soon where it is known that nobody is there. A command may be repeated, and one that
    failed may have been done. Every key must be given a time to live by whoever writes it.
    """

    def __init__(self, settings: RedisSettings, prefix: str = "randomchat") -> None:
        """Raises `SettingsError` where the settings can't be meant so."""
        _check_files(settings.tls)
        self._known_nodes = [_host_and_port(node) for node in settings.nodes]
        self._settings = settings
        self._prefix = prefix
        self._cluster: RedisCluster | None = None
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(CONNECTIONS))
        self._suspect: str | None = None
        self._silent: frozenset[str] = frozenset()
        self._doubt = asyncio.Event()
        self._trouble: str | None = None
        self._refusal = ""
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect in the background, for as long as it takes; returns at once."""
        self._looking = asyncio.create_task(self._look_again_and_again())

    async def close(self) -> None:
        """Disconnect."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        await self._disconnect()

    async def check(self) -> None:
        """Raise `Unavailable`, which names the address, unless every master answers and thinks that the cluster is well."""
        if self._cluster is None:
            raise Unavailable(f"Redis does not answer at {', '.join(self._settings.nodes)}")
        nodes = self._cluster.get_primaries()
        states = await asyncio.gather(*(self._state_of(node) for node in nodes))
        answers = dict(zip((node.name for node in nodes), states, strict=True))
        self._silent = frozenset(name for name, state in answers.items() if state is None)
        if self._silent:
            self._doubt.set()  # nobody asks them until a look finds them well
            raise Unavailable(f"Redis does not answer at {', '.join(sorted(self._silent))}")
        if any(state != "ok" for state in states):
            raise Unavailable(f"Redis at {', '.join(answers)} says that its cluster is down")

    def key(self, *parts: object) -> str:
        """The key that these parts name, e.g. `randomchat:result:11`. A part in braces decides alone on the hash slot."""
        return ":".join((self._prefix, *map(str, parts)))

    async def call(self, command: str, key: str, *args: Word) -> Any:
        """The answer to a command on one key."""
        return await self._bounded(key, (command, key, *args))

    async def run(self, script: Script, keys: Sequence[str], *args: Word) -> Any:
        """The answer of a script; all its keys are in one hash slot."""
        return await self._bounded(keys[0], ("EVALSHA", script.sha, len(keys), *keys, *args), script)

    # ---------------------------------------------------------------- one command
    async def _bounded(self, key: str, words: tuple[Word, ...], script: Script | None = None) -> Any:
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                try:
                    return await self._try(key, words)
                except NoScriptError:  # this node is new, was emptied, or has forgotten it
                    assert script is not None
                    return await self._try(key, ("EVAL", script.text, *words[2:]))
        except (TimeoutError, OSError, RedisError, RedisClusterException) as error:
            self._note_refusal(error)
            raise Unavailable from error

    async def _try(self, key: str, words: tuple[Word, ...]) -> Any:
        """Ask the node that has the key, or whom it names instead, again and again."""
        failure: Exception = Unavailable()
        aside: AskError | None = None
        for pause_s in PAUSES_S:
            if pause_s:
                await asyncio.sleep(pause_s)
            cluster = self._cluster
            if cluster is None:
                raise Unavailable
            try:
                if aside is not None:
                    return await self._ask_aside(cluster, aside, words)
                return await self._ask(self._owner(cluster, key), words)
            except MovedError as moved:
                await cluster.nodes_manager.move_slot(moved)
                failure, aside = moved, None
            except AskError as elsewhere:
                failure = aside = elsewhere
                continue
            except _PASSING as error:
                failure, aside = error, None
            self._doubt.set()
        raise failure

    @staticmethod
    def _owner(cluster: RedisCluster, key: str) -> ClusterNode:
        return cluster.nodes_manager.get_node_from_slot(cluster.keyslot(key))

    async def _ask(self, node: ClusterNode, words: tuple[Word, ...]) -> Any:
        if node.name in self._silent:
            raise Unavailable
        try:
            async with self._turns[node.name]:
                return await node.execute_command(*words)
        except asyncio.CancelledError:  # out of time
            self._suspects(node)
            raise
        except (ConnectionError, RuntimeError) as error:  # the latter by uvloop, of a connection that was closed meanwhile
            self._suspects(node)
            for connection in node._free:  # noqa: SLF001 - most likely lead nowhere too; who takes one next closes it first
                connection.mark_for_reconnect()  # type: ignore[no-untyped-call]
            raise ConnectionError(str(error)) from error

    async def _ask_aside(self, cluster: RedisCluster, elsewhere: AskError, words: tuple[Word, ...]) -> Any:
        """Ask the node to which a slot is on the way; it answers to those alone who say on the same connection that they know."""
        node = cluster.get_node(host=elsewhere.host, port=elsewhere.port)
        if node is None:  # it has no slot yet, so that the map does not show it
            node = ClusterNode(elsewhere.host, elsewhere.port, "primary", **cluster.connection_kwargs)
            cluster.nodes_manager.set_nodes(cluster.nodes_manager.nodes_cache, {node.name: node})
        asking, asked = PipelineCommand(0, "ASKING"), PipelineCommand(1, *words)
        async with self._turns[node.name]:
            await node.execute_pipeline([asking, asked])
        if isinstance(asked.result, Exception):
            raise asked.result
        return asked.result

    def _suspects(self, node: ClusterNode) -> None:
        self._suspect = node.name
        self._doubt.set()

    # ---------------------------------------------------------------- the cluster
    async def _look_again_and_again(self) -> None:
        """Find the cluster, and look at it again when a command has met something unexpected, or until all is well."""
        while True:
            self._doubt.clear()
            try:
                await self._look()
                await self.check()
            except Exception as error:  # noqa: BLE001 - whatever it is, there is another look
                self._note(str(error) or type(error).__name__)
            else:
                self._note(None)
            await asyncio.sleep(LOOK_EVERY_S)
            if self._trouble is None:
                await self._doubt.wait()

    async def _look(self) -> None:
        """Read the map of the cluster: from a node that is known, else from one of the settings."""
        if self._cluster is None:
            self._cluster = await self._connect()
            return
        suspect, self._suspect = self._suspect, None
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                await self._cluster.nodes_manager.initialize(last_failed_node_name=suspect)
        except RedisClusterException:
            await self._disconnect()
            raise

    async def _connect(self) -> RedisCluster:
        settings = self._settings
        cluster = RedisCluster(
            startup_nodes=[ClusterNode(host, port) for host, port in self._known_nodes],
            require_full_coverage=False,  # what is there is used
            max_connections=CONNECTIONS + _SPARE_CONNECTIONS,
            socket_timeout=None,  # each call has a time limit as a whole, which costs less
            username=settings.username or None,
            password=settings.password.get_secret_value() or None,
            protocol=2,
            driver_info=None,
            ssl=settings.tls.enabled,
            ssl_ca_certs=_text(settings.tls.ca_file),
            ssl_certfile=_text(settings.tls.cert_file),
            ssl_keyfile=_text(settings.tls.key_file),
        )
        async with asyncio.timeout(settings.timeout_s):
            return await cluster.initialize()

    async def _disconnect(self) -> None:
        cluster, self._cluster = self._cluster, None
        self._turns.clear()
        if cluster is not None:
            with contextlib.suppress(RedisError, OSError):
                await cluster.aclose()

    async def _state_of(self, node: ClusterNode) -> str | None:
        """What a node says of the cluster ("ok", "fail"), or None where it says nothing."""
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                info = await node.execute_command("CLUSTER INFO")
        except (TimeoutError, OSError, RuntimeError, RedisError):
            return None
        return str(info["cluster_state"])

    def _note_refusal(self, error: Exception) -> None:
        """What is not a matter of time: a right or memory that is missing, a mistake. Said once."""
        if isinstance(error, ResponseError) and not isinstance(error, (*_PASSING, AskError)) and str(error) != self._refusal:
            self._refusal = str(error)
            _log.error("Redis refuses a command", reason=self._refusal)

    def _note(self, trouble: str | None) -> None:
        """Say it once when something goes wrong or is well again."""
        if trouble is not None and self._trouble is None:
            _log.warning("Redis is away; trying again", nodes=self._settings.nodes, reason=trouble)
        elif trouble is None and self._trouble is not None:
            _log.info("Redis is back", nodes=self._settings.nodes)
        self._trouble = trouble


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise SettingsError(f"redis.nodes: {address}: must look like 10.0.0.1:6379")
    return host.strip("[]"), int(port)


def _check_files(tls: TlsSettings) -> None:
    """Try what will be needed: later it would look as if Redis were away."""
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
        if tls.cert_file is not None:
            context.load_cert_chain(tls.cert_file, tls.key_file)
    except OSError as error:  # among them ssl's own
        raise SettingsError(f"redis.tls: a certificate or its key can't be used: {error}") from error


def _text(path: object) -> str | None:
    return None if path is None else str(path)
