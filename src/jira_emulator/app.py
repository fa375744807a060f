"""The door: who is asking, which operation, how long it takes, and how answers look from outside."""

import asyncio
import base64
import binascii
import hmac
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from types import ModuleType
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from jira_emulator import control
from jira_emulator.agile import boards, sprints
from jira_emulator.call import Answer, Call
from jira_emulator.errors import JiraError, RouterError, unauthenticated
from jira_emulator.limits import Limits
from jira_emulator.model import User
from jira_emulator.operations import Handler
from jira_emulator.platform import (
    changelog,
    comments,
    issues,
    metadata,
    projects,
    search,
    server,
    users,
    worklogs,
)
from jira_emulator.site import Site
from jira_emulator.wire import BASE

_RESOURCES: tuple[ModuleType, ...] = (
    server,
    users,
    metadata,
    projects,
    search,
    issues,
    changelog,
    comments,
    worklogs,
    boards,
    sprints,
)
_BASE = BASE.encode()
_UNMATCHED = "(no endpoint)"


@dataclass(frozen=True, slots=True)
class _Door:
    """What a running emulator consists of."""

    emulator: control.Emulator
    email: str
    token: str
    limits: Limits
    nobody: Site = field(default_factory=Site)
    """What anonymous callers may see: an empty site."""

    def caller(self, authorization: str | None) -> User | None:
        """The account behind the credentials; ``None`` for an anonymous caller.

        Raises:
            JiraError: The credentials are wrong.
        """
        if authorization is None:
            return None
        scheme, _, credentials = authorization.partition(" ")
        try:
            given = base64.b64decode(credentials, validate=True)
        except (binascii.Error, ValueError):
            given = b""
        expected = f"{self.email}:{self.token}".encode()
        if scheme.lower() != "basic" or not hmac.compare_digest(given, expected):
            refusal = unauthenticated()
            refusal.headers["X-Seraph-LoginReason"] = "AUTHENTICATED_FAILED"
            raise refusal
        return control.account(self.emulator.site, self.email)


def create_app(
    site: Site,
    *,
    email: str,
    token: str,
    control_token: str | None = None,
    latency_ms: float = 0,
    limits: Limits | None = None,
    populate: Callable[[Site], None] | None = None,
) -> Starlette:
    """Build the ASGI application of one site.

    Args:
        site: What the emulator holds; its account gets the e-mail.
        email: The address of Basic authentication.
        token: The API token that goes with it.
        control_token: Bearer token of ``/_emulator/``; without it that door does not exist.
        latency_ms: How long each answer is held back.
        limits: Page sizes and truncations, Jira's own unless given.
        populate: Fills the emptied site again on reset.
    """
    control.account(site, email)
    emulator = control.Emulator(site, email, latency_ms, populate)
    door = _Door(emulator, email, token, limits or Limits(), Site(zone=site.zone, title=site.title))
    routes: list[BaseRoute] = [_route(door, path, group) for path, group in _by_path(_handlers()).items()]
    if control_token is not None:
        routes.append(control.mount(emulator, control_token))

    async def unmatched(request: Request, _error: Exception) -> Response:
        return await _respond(door, request, _UNMATCHED, _no_endpoint)

    app = Starlette(routes=routes, exception_handlers={404: unmatched, Exception: _crash})
    app.router.redirect_slashes = False
    return app


def _handlers() -> Iterable[Handler]:
    return (value for module in _RESOURCES for value in vars(module).values() if isinstance(value, Handler))


def _by_path(handlers: Iterable[Handler]) -> dict[str, dict[str, Handler]]:
    """Handlers by path, then method; paths without arguments first, so that no argument swallows a fixed name."""
    paths: dict[str, dict[str, Handler]] = {}
    for handler in sorted(handlers, key=lambda handler: handler.operation.path.count("{")):
        paths.setdefault(handler.operation.path, {})[handler.operation.method] = handler
    return paths


def _route(door: _Door, path: str, handlers: dict[str, Handler]) -> Route:
    async def endpoint(request: Request) -> Response:
        async def answer(request: Request) -> Answer:
            handler = handlers.get(request.method)
            if handler is None:
                raise RouterError(405, f"Method '{request.method}' is not supported.", {"Allow": ", ".join(handlers)})
            return handler.answer(await _call(door, request, handler))

        return await _respond(door, request, path, answer)

    route = Route(path, endpoint)
    # Methods are told apart above: Jira words an unsupported one in its own way.
    route.methods = set()
    return route


async def _call(door: _Door, request: Request, handler: Handler) -> Call:
    caller = door.caller(request.headers.get("authorization"))
    if caller is None and not handler.operation.anonymous:
        raise unauthenticated()
    content = b""
    if request.method in ("POST", "PUT"):
        content = await request.body()
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise RouterError(415, f"Content-Type '{media_type}' is not supported.")
    return Call(
        site=door.nobody if caller is None else door.emulator.site,
        limits=door.limits,
        faults=door.emulator.faults,
        journal=door.emulator.journal,
        caller=caller,
        path=request.url.path,
        arguments={name: unquote(value) for name, value in request.path_params.items()},
        query=request.query_params,
        content=content,
    )


async def _no_endpoint(request: Request) -> Answer:
    raise RouterError(404, f"No endpoint {request.method} {request.url.path}.")


async def _respond(
    door: _Door, request: Request, template: str, answer: Callable[[Request], Awaitable[Answer]]
) -> Response:
    if door.emulator.latency_ms:
        await asyncio.sleep(door.emulator.latency_ms / 1000)
    try:
        given = await answer(request)
    except JiraError as error:
        given = Answer(error.status, error.body(request.url.path), error.media_type, error.headers)
    door.emulator.journal.note(request.method, template, given.status)
    base = f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}".encode()
    trace = uuid.uuid4()
    headers = {
        "X-AREQUESTID": trace.hex[:16],
        "Atl-Traceid": trace.hex,
        "Atl-Request-Id": str(trace),
        "Server": "AtlassianEdge",
        "Cache-Control": "no-cache, no-store, no-transform",
        **given.headers,
    }
    if request.headers.get("authorization") is not None and given.status != 401:
        headers["X-AAccountId"] = door.emulator.site.account_id
    media_type = given.media_type if given.body else None
    return Response(given.body.replace(_BASE, base), given.status, headers, media_type)


async def _crash(_request: Request, _error: Exception) -> Response:
    return Response(b'{"errorMessages":["Internal server error"],"errors":{}}', 500, media_type="application/json")
