"""Where the process of the API listens."""

import socket

import pytest

from digital_spiral.bootstrap.listening import listen, url_of
from digital_spiral.domain.errors import Unavailable


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("localhost", "localhost"), ("::1", "[::1]")])
def test_a_free_port_is_taken_and_told(host: str, shown: str) -> None:
    if ":" in host and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with listen(host, 0)[0] as listener:
        address = url_of(host, listener)
        assert address == f"http://{shown}:{listener.getsockname()[1]}"
        with socket.create_connection((host, listener.getsockname()[1]), timeout=5):
            assert not address.endswith(":0")


def test_a_port_that_is_taken_is_explained() -> None:
    with listen("127.0.0.1", 0)[0] as listener:
        port = listener.getsockname()[1]
        for sockets in (1, 2):
            with pytest.raises(Unavailable, match=rf"cannot listen on 127\.0\.0\.1, port {port}: .*in use.*--port"):
                listen("127.0.0.1", port, sockets)


def test_an_address_of_another_machine_is_explained() -> None:
    with pytest.raises(Unavailable, match=r"cannot listen on 192\.0\.2\.1, port 80: .*--host"):
        listen("192.0.2.1", 80)


def test_several_sockets_share_a_port_which_nobody_else_can_take() -> None:
    first, second = listen("127.0.0.1", 0, 2)
    with first, second:
        port = first.getsockname()[1]
        assert second.getsockname()[1] == port != 0
        for sockets in (1, 2):
            with pytest.raises(Unavailable, match="in use"):
                listen("127.0.0.1", port, sockets)
