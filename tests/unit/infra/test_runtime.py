"""Addresses, and what a process says when it has started."""

import resource
import socket
from pathlib import Path

import pytest

from randomchat import __version__
from randomchat.config import Settings
from randomchat.infra.http_server import max_connections, trusted_networks
from randomchat.infra.runtime import StartupError, bind, raise_file_limit, startup_text


def test_port_0_takes_a_free_port() -> None:
    with bind("127.0.0.1", 0) as first, bind("127.0.0.1", 0) as second:
        assert first.getsockname()[1] != second.getsockname()[1] != 0


def test_a_name_is_bound_to_its_ipv4_address_first() -> None:
    with bind("localhost", 0) as listener:
        assert listener.family == socket.AF_INET


def test_a_port_in_use_is_named_with_what_to_do() -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartupError, match=f"can't listen on 127.0.0.1:{port}: .*choose another port"):
            bind("127.0.0.1", port)


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(StartupError, match=r"can't listen on 192\.0\.2\.1:8080: "):
        bind("192.0.2.1", 8080)


def test_a_name_of_nothing_is_named() -> None:
    with pytest.raises(StartupError, match="can't listen on not an address: there is no such address"):
        bind("not an address", 8080)


def test_the_file_limit_is_raised_as_far_as_it_goes() -> None:
    raise_file_limit()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft == hard


def test_no_more_connections_are_taken_than_files_can_be_open() -> None:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert max_connections(Settings(limits={"connections": 5})) == 5
    most = max_connections(Settings(limits={"enabled": False}))
    assert most is None or most < files


def test_a_trusted_ipv4_network_is_trusted_in_its_ipv6_form_too() -> None:
    settings = Settings(trusted_proxies=["10.1.2.3/8", "127.0.0.1", "fd00::/8"])
    assert trusted_networks(settings) == ["10.0.0.0/8", "::ffff:10.0.0.0/104", "127.0.0.1/32", "::ffff:127.0.0.1/128", "fd00::/8"]


def test_the_start_text_says_where_everything_is(tmp_path: Path) -> None:
    text = startup_text(Settings(data_dir=tmp_path), "embedded", "127.0.0.1", 8080, 9090, tmp_path)
    assert text.splitlines() == [
        f"randomchat {__version__}",
        "  open:   http://127.0.0.1:8080",
        f"  data:   {tmp_path}",
        "  mode:   embedded",
        "  health: http://127.0.0.1:9090/readyz",
    ]


@pytest.mark.parametrize(
    ("host", "public_url", "address"),
    [
        ("0.0.0.0", "", "http://localhost:80"),
        ("::1", "", "http://[::1]:80"),
        ("127.0.0.1", "https://chat.example", "https://chat.example"),
    ],
)
def test_the_address_to_open_is_one_that_a_browser_reaches(host: str, public_url: str, address: str) -> None:
    text = startup_text(Settings(public_url=public_url), "embedded", host, 80, 90)
    assert f"open:   {address}\n" in text
