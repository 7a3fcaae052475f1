"""What is particular to accounts in SQLite."""

import sqlite3

import pytest

from randomchat.user import repository_sqlite
from randomchat.user.schema_sqlite import USER_SCHEMA


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        (repository_sqlite._DELETE_SESSIONS, (1, 2)),
        (repository_sqlite._DELETE_ACCOUNTS, (1, 2)),
        (repository_sqlite._REVOKE_SESSION, (b"",)),
        (repository_sqlite._END_ACCOUNT, {"now_ms": 1, "id": 1}),
    ],
)
def test_no_statement_reads_a_whole_table(statement: str, parameters: tuple[object, ...] | dict[str, object]) -> None:
    connection = sqlite3.connect(":memory:")
    for script in USER_SCHEMA.migrations:
        connection.executescript(script)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    connection.close()
    assert plan
    assert not [step for step in plan if step.startswith("SCAN")]
