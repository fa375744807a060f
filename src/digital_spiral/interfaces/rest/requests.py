"""What surrounds each request: its id, the context of its log entries, one entry of its own, headers, a limit."""

import logging
import re
import time
from collections.abc import Callable
from uuid import uuid4

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars, unbind_contextvars

from digital_spiral.interfaces.rest.problems import internal_problem

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_DATA = "/v1/"
_PROBES = frozenset({"/health", "/healthz", "/metrics"})


class Requests:
    """Middleware that comes before all others, errors included.

    Args:
        app: What answers.
        observe: Notes one answered request: method, route template (empty where none matched), status, seconds.
    """

    def __init__(self, app: ASGIApp, observe: Callable[[str, str, int, float], None]) -> None:
        self._app = app
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; an exception that nobody foresaw becomes a problem without its text."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = request_id_of(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_headers(scope["path"], status, request_id)]
            await send(message)

        with bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_noted)
            except Exception:
                log.exception("request_failed", extra={"code": "internal"})
                if status:  # the answer has begun; breaking it off is all that can be said now
                    raise
                await internal_problem(request_id)(scope, receive, send_noted)
            finally:
                self._note(scope, status, time.perf_counter() - began)
                unbind_contextvars("tenant_id", "key")

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = scope["method"], getattr(scope.get("route"), "path", "")
        self._observe(method, route, status, seconds)
        entry = {"method": method, "route": route, "status": status, "duration_ms": round(seconds * 1000, 2)}
        # Probes and scrapes come every few seconds; an entry of each would hide the others.
        log.log(logging.DEBUG if route in _PROBES and status < 400 else logging.INFO, "request", extra=entry)


class BodyLimit:
    """Middleware that gives routes at most ``MAX_BODY_BYTES`` of a body; those that read none are not concerned."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; reading too large a body raises the error of status 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = 0

        async def limited() -> Message:
            nonlocal received
            if not received and _announced(scope) > MAX_BODY_BYTES:
                raise HTTPException(413)
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES:
                raise HTTPException(413)
            return message

        await self._app(scope, limited, send)


def _announced(scope: Scope) -> int:
    """Return the length that the request gives for its body, 0 when it gives none; the server has checked its form."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)


def request_id_of(scope: Scope) -> str:
    """Return the id that the caller sent, when it is well-formed, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return bytes(value).decode()
    return uuid4().hex


def _headers(path: str, status: int, request_id: str) -> list[tuple[bytes, bytes]]:
    # What a tenant may see is for that tenant's own cache at most, which asks each time whether it still holds.
    caching = b"private, no-cache" if path.startswith(_DATA) and status < 400 else b"no-store"
    return [
        (b"x-request-id", request_id.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", caching),
    ]
