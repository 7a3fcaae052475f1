from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cluster.parts import made_once, parts_folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_of_several_who_want_a_part_at_once_one_builds_it() -> None:
    builders: list[int] = []

    def build(folder: Path, number: int) -> None:
        builders.append(number)
        (folder / "part").write_text(str(number))

    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda number: made_once("thing", lambda folder: build(folder, number)), range(8)))
    assert len(builders) == 1
    assert {(folder / "part").read_text() for folder in folders} == {str(builders[0])}


def test_a_build_that_fails_leaves_nothing_and_is_tried_again() -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise ConnectionError

    with pytest.raises(ConnectionError):
        made_once("thing", fail)
    assert list(made_once("thing", lambda folder: (folder / "whole").touch()).iterdir()) == [parts_folder() / "thing" / "whole"]


def test_what_a_killed_build_left_behind_is_removed_by_the_next() -> None:
    left_behind = parts_folder() / ".thing-abc"
    left_behind.mkdir(parents=True)
    made_once("thing", lambda folder: (folder / "whole").touch())
    assert not left_behind.exists()
