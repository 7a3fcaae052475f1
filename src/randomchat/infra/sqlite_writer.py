"""What the writer thread does: many writes in one transaction, made durable by one sync of the disk."""

from __future__ import annotations

import asyncio
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeAlias, TypeVar

T = TypeVar("T")
Parameters: TypeAlias = Sequence[Any] | Mapping[str, Any]


class Job(ABC, Generic[T]):
    """One write, which fails or succeeds by itself. `future` is the event loop's; the writer thread leaves it alone."""

    __slots__ = ("error", "future", "result")

    future: asyncio.Future[T]
    result: T

    def __init__(self, future: asyncio.Future[T]) -> None:
        self.future = future
        self.error: Exception | None = None

    @abstractmethod
    def run(self, connection: sqlite3.Connection) -> T:
        """Do the write, all of it or nothing."""

    def settle(self, error: Exception | None) -> None:
        """Tell the waiter, unless it has gone."""
        if self.future.done():
            return
        if error:
            self.future.set_exception(error)
        else:
            self.future.set_result(self.result)


class StatementJob(Job[int]):
    """One statement: atomic by itself. Its result is the number of rows that it changed."""

    __slots__ = ("parameters", "sql")

    def __init__(self, future: asyncio.Future[int], sql: str, parameters: Parameters) -> None:
        super().__init__(future)
        self.sql, self.parameters = sql, parameters

    def run(self, connection: sqlite3.Connection) -> int:
        return connection.execute(self.sql, self.parameters).rowcount


class FunctionJob(Job[T]):
    """Any number of statements, made atomic by a savepoint."""

    __slots__ = ("function",)

    def __init__(self, future: asyncio.Future[T], function: Callable[[sqlite3.Connection], T]) -> None:
        super().__init__(future)
        self.function = function

    def run(self, connection: sqlite3.Connection) -> T:
        connection.execute("SAVEPOINT job")
        try:
            result = self.function(connection)
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK TO job")
                connection.execute("RELEASE job")
            raise
        connection.execute("RELEASE job")
        return result


def run_batch(connection: sqlite3.Connection, jobs: Sequence[Job[Any]]) -> Exception | None:
    """Run jobs in one transaction; the error that undid all of them, if any. What one job raised is its own `error`."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        for job in jobs:
            _run(connection, job)
        connection.execute("COMMIT")
    except Exception as error:  # noqa: BLE001 - whatever it is, the thread goes on, and each waiter is told
        _roll_back(connection)
        return error
    return None


def _run(connection: sqlite3.Connection, job: Job[Any]) -> None:
    try:
        job.result = job.run(connection)
    except Exception as error:
        # Some errors (a full disk may be one) end the whole transaction, and with it what other jobs have written.
        if not connection.in_transaction:
            raise
        job.error = error


def _roll_back(connection: sqlite3.Connection) -> None:
    """After a failed commit the transaction may be open still; were it left so, no later one could begin."""
    if connection.in_transaction:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
