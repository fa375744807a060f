"""Where the process of the API listens."""

import socket

import pytest

from digital_spiral.bootstrap.rest import _address, _listen
from digital_spiral.domain.errors import Unavailable


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("localhost", "localhost"), ("::1", "[::1]")])
def test_a_free_port_is_taken_and_told(host: str, shown: str) -> None:
    if ":" in host and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with _listen(host, 0) as listener:
        address = _address(host, listener)
        assert address == f"http://{shown}:{listener.getsockname()[1]}"
        with socket.create_connection((host, listener.getsockname()[1]), timeout=5):
            assert not address.endswith(":0")


def test_a_port_that_is_taken_is_explained() -> None:
    with _listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(Unavailable, match=rf"cannot listen on 127\.0\.0\.1, port {port}: .*in use.*--port"):
            _listen("127.0.0.1", port)


def test_an_address_of_another_machine_is_explained() -> None:
    with pytest.raises(Unavailable, match=r"cannot listen on 192\.0\.2\.1, port 80: .*--host"):
        _listen("192.0.2.1", 80)
