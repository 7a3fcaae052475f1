import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from pydantic import BaseModel

from cluster.child import Child
from cluster.engines.engine import Closed, Engine
from cluster.ports import PortClaims


class Toy(Engine):
    """Its one node writes into its folder; it is ready when told so."""

    name = "Toy"
    script = "import time; open('written', 'w').close(); time.sleep(600)"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.is_ready = True
        self._claims = PortClaims(folder / "ports.json", ["client"])

    @property
    def settings(self) -> BaseModel:
        return BaseModel()

    @property
    def _ports(self) -> PortClaims:
        return self._claims

    def fetch(self) -> None:
        pass

    def _make_nodes(self) -> list[Child]:
        (self.folder / "script.py").write_text(self.script)
        return [Child("Toy node", self.folder / "node", lambda: [sys.executable, "../script.py"])]

    def _check(self) -> None:
        if not (self.is_ready and (self.folder / "node" / "written").exists()):
            raise ConnectionError("not yet")


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Toy]:
    toy = Toy(tmp_path / "toy")
    yield toy
    toy.close()


def test_what_an_engine_wrote_is_kept_until_it_is_wiped(toy: Toy) -> None:
    toy.start()
    toy.wait_until_ready()
    toy.stop()
    assert (toy.folder / "node" / "written").exists()
    toy.wipe()
    assert not toy.folder.exists()


def test_an_engine_starts_again_after_it_was_wiped(toy: Toy) -> None:
    toy.start()
    toy.wait_until_ready()
    toy.stop()
    toy.wipe()
    toy.start()
    toy.wait_until_ready()


def test_a_node_that_ends_instead_of_answering_is_named_with_its_last_words(toy: Toy) -> None:
    toy.script = "raise SystemExit('no room on the disk')"
    toy.start()
    with pytest.raises(RuntimeError, match=r"(?s)Toy node does not answer.*no room on the disk"):
        toy.wait_until_ready()


def test_who_waits_for_an_engine_that_is_closed_waits_no_longer(toy: Toy) -> None:
    toy.is_ready = False
    toy.start()
    closing = Thread(target=toy.close)
    closing.start()
    with pytest.raises(Closed):
        toy.wait_until_ready()
    closing.join()
    assert not toy.nodes[0].is_running
