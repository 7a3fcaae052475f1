"""What a service uses of a WebSocket on bare ASGI."""

from collections.abc import Callable

import pytest
from starlette.types import Message

from randomchat.errors import Unauthorized
from randomchat.infra.websocket import Incoming, accept, address_key, client_address, refuse_upgrade


def receiving(*messages: Message) -> Callable[[], object]:
    left = list(messages)

    async def receive() -> Message:
        return left.pop(0)

    return receive


async def test_messages_come_until_the_close_code() -> None:
    incoming = Incoming(
        receiving(  # type: ignore[arg-type]
            {"type": "websocket.receive", "text": "one"},
            {"type": "websocket.receive", "bytes": b"two"},
            {"type": "websocket.receive", "text": "", "bytes": None},
            {"type": "websocket.disconnect", "code": 4503},
        )
    )
    assert [message async for message in incoming] == ["one", b"two", ""]
    assert incoming.close_code == 4503


async def test_a_socket_that_is_gone_before_it_is_let_in_ends_at_once() -> None:
    receive = receiving({"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1006})

    async def send(message: Message) -> None:
        raise OSError

    await accept(receive, send)  # type: ignore[arg-type]
    incoming = Incoming(receive)  # type: ignore[arg-type]
    assert [message async for message in incoming] == []
    assert incoming.close_code == 1006


async def test_a_server_that_can_not_answer_an_upgrade_closes_it() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await refuse_upgrade({"type": "websocket"}, receiving(), send, Unauthorized())  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 4501, "reason": "unauthorized"}]


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("a proxy's nonsense", "a proxy's nonsense"),
        ("", ""),
    ],
)
def test_limits_count_an_ipv4_address_or_an_ipv6_network(address: str, key: str) -> None:
    assert address_key(address) == key


def test_the_address_is_empty_where_it_is_not_known() -> None:
    assert client_address({"client": ("203.0.113.7", 5)}) == "203.0.113.7"
    assert client_address({"client": None}) == ""
