import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cluster.ports import PortClaims, PortTaken


@pytest.fixture
def claims(tmp_path: Path) -> Iterator[PortClaims]:
    claims = PortClaims(tmp_path / "ports.json", ["client", "bus"])
    claims.claim()
    yield claims
    claims.release()


def test_a_claimed_port_is_nobody_elses_even_while_nothing_listens_on_it(claims: PortClaims, tmp_path: Path) -> None:
    others = PortClaims(tmp_path / "copy.json", ["client"])
    (tmp_path / "copy.json").write_text((tmp_path / "ports.json").read_text())
    with pytest.raises(PortTaken, match=str(claims["client"])):
        others.claim()


def test_the_ports_of_kept_data_are_claimed_again(claims: PortClaims, tmp_path: Path) -> None:
    before = claims["client"], claims["bus"]
    claims.release()
    claims.claim()
    assert (claims["client"], claims["bus"]) == before
    assert len(set(before)) == 2


def test_a_port_of_kept_data_on_which_another_program_listens_is_refused(claims: PortClaims) -> None:
    port = claims["bus"]
    claims.release()
    with closing(socket.create_server(("127.0.0.1", port))), pytest.raises(PortTaken, match=str(port)):
        claims.claim()


def test_a_port_is_free_on_every_host(tmp_path: Path) -> None:
    first = PortClaims(tmp_path / "first.json", ["client"], ["127.0.0.13"])
    first.claim()
    (tmp_path / "all.json").write_text((tmp_path / "first.json").read_text())
    with pytest.raises(PortTaken):
        PortClaims(tmp_path / "all.json", ["client"], ["127.0.0.11", "127.0.0.12", "127.0.0.13"]).claim()
    first.release()
