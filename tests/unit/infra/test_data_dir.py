"""The data directory: who may have it, and its secrets."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from randomchat.infra.data_dir import DataDir, DataDirError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def data_dir(path: Path) -> Iterator[DataDir]:
    data_dir = DataDir.open(path)
    yield data_dir
    data_dir.close()


def refusal(path: Path) -> str:
    with pytest.raises(DataDirError) as refused:
        DataDir.open(path)
    message = str(refused.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_a_missing_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "data"
    DataDir.open(path).close()
    assert path.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_is_there_is_taken_as_it_is(path: Path) -> None:
    path.mkdir(mode=0o755)
    DataDir.open(path).close()
    assert path.stat().st_mode & 0o777 == 0o755


def test_a_folder_in_use_is_refused_and_its_user_named(path: Path, data_dir: DataDir) -> None:
    assert f"in use by process {os.getpid()}" in refusal(path)
    data_dir.close()
    DataDir.open(path).close()


HOLD = """
import sys
from pathlib import Path
from randomchat.infra.data_dir import DataDir
data_dir = DataDir.open(Path(sys.argv[1]))
print("mine", flush=True)
sys.stdin.read()
"""


def test_a_process_that_was_killed_holds_nothing(path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "mine\n"
        assert f"in use by process {holder.pid}" in refusal(path)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    DataDir.open(path).close()


def test_closing_twice_is_no_error(data_dir: DataDir) -> None:
    data_dir.close()
    data_dir.close()


def test_a_file_is_not_a_folder(path: Path) -> None:
    path.write_text("x")
    assert "is not a folder" in refusal(path)
    assert "is not a folder" in refusal(path / "below")


@pytest.fixture
def forbidden(path: Path) -> Iterator[Path]:
    """A folder that this process may not write to: permissions do not bind root, so it is nobody meanwhile."""
    path.mkdir(mode=0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    yield path
    if is_root:
        os.seteuid(0)


def test_a_folder_without_permission_is_refused(forbidden: Path) -> None:
    assert "not writable" in refusal(forbidden)


def test_a_secret_is_random_and_stays(path: Path, data_dir: DataDir) -> None:
    secret = data_dir.secret("tokens")
    assert len(secret) == 32
    assert data_dir.secret("tokens") == secret
    assert data_dir.secret("cookies") != secret
    data_dir.close()
    again = DataDir.open(path)
    assert again.secret("tokens") == secret
    again.close()


def test_a_secret_is_for_its_owner_alone(path: Path, data_dir: DataDir) -> None:
    data_dir.secret("tokens")
    assert (path / "tokens.secret").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33])
def test_a_damaged_secret_is_refused_and_left_alone(path: Path, data_dir: DataDir, content: bytes) -> None:
    (path / "tokens.secret").write_bytes(content)
    with pytest.raises(DataDirError, match=rf"tokens\.secret: is damaged \({len(content)} bytes"):
        data_dir.secret("tokens")
    assert (path / "tokens.secret").read_bytes() == content


def test_a_draft_that_a_crash_left_is_in_nobodys_way(path: Path, data_dir: DataDir) -> None:
    (path / "tokens.draft").write_bytes(b"half")
    assert len(data_dir.secret("tokens")) == 32
    assert sorted(file.name for file in path.iterdir()) == ["lock", "tokens.secret"]


def test_a_secret_that_cannot_be_read_is_an_error(path: Path, data_dir: DataDir) -> None:
    (path / "tokens.secret").mkdir()
    with pytest.raises(DataDirError, match="can't be read or made"):
        data_dir.secret("tokens")
