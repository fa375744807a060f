"""The sockets that the API listens on."""

import socket
from contextlib import ExitStack

from digital_spiral.domain.errors import Unavailable

BACKLOG = 2048
"""Connections that wait to be accepted on one socket, at most."""


def listen(host: str, port: int, sockets: int = 1) -> list[socket.socket]:
    """Listen on an address with several sockets, among which the kernel shares out connections evenly.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one, the same for all sockets.
        sockets: How many.

    Raises:
        Unavailable: The address cannot be listened on.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        with ExitStack() as opened:
            # Without sharing first: with it, a port that another program of this account shares counts as free.
            first = opened.enter_context(_bound(family, (host, port), shared=False))
            if sockets == 1:
                opened.pop_all()
                first.listen(BACKLOG)
                return [first]
            address = (host, first.getsockname()[1])
            first.close()
            listeners = [opened.enter_context(_bound(family, address, shared=True)) for _ in range(sockets)]
            for listener in listeners:
                listener.listen(BACKLOG)
            opened.pop_all()
            return listeners
    except OSError as error:
        raise Unavailable(
            f"The API cannot listen on {host}, port {port}: {error.strerror}. Choose another with --host and --port, "
            "DIGITAL_SPIRAL_API_HOST and DIGITAL_SPIRAL_API_PORT; port 0 takes a free one."
        ) from error


def url_of(host: str, listener: socket.socket) -> str:
    """Return the address under which a socket is reached, as a URL."""
    shown = f"[{host}]" if listener.family is socket.AF_INET6 else host
    return f"http://{shown}:{listener.getsockname()[1]}"


def _bound(family: socket.AddressFamily, address: tuple[str, int], *, shared: bool) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A port that was in use a moment ago may be taken again.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound
