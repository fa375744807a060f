"""Errors as problem details (RFC 9457): the one table of this door, and the handlers that use it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from digital_spiral.application.dtos.v1 import FieldError, Problem
from digital_spiral.domain.errors import (
    Conflict,
    Forbidden,
    Invalid,
    Misconfigured,
    NotFound,
    RateLimited,
    SpiralError,
    Unauthenticated,
    Unavailable,
)

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5
MAX_NAME = 64
"""A caller's name for a field is repeated up to this length: no field of ours is longer, and every API key is."""


@dataclass(frozen=True)
class Kind:
    """A kind of problem.

    Attributes:
        status: The HTTP status.
        code: The kind's name for programs.
        title: The kind in words.
        detail: What callers are told in place of the error's own sentence, which then goes to the log only: it
            speaks of our servers, to whoever runs them.
        headers: Headers of the answer.
    """

    status: int
    code: str
    title: str
    detail: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


INTERNAL = Kind(500, "internal", "Fault of the server", "Something went wrong here that nobody foresaw. It is logged.")
INVALID = Kind(422, Invalid.code, "Invalid input")

KINDS: dict[type[SpiralError], Kind] = {
    NotFound: Kind(404, NotFound.code, "Not found"),
    Unauthenticated: Kind(401, Unauthenticated.code, "Not authenticated", headers={"WWW-Authenticate": "Bearer"}),
    Forbidden: Kind(
        403, Forbidden.code, "Not allowed", headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
    ),
    Invalid: INVALID,
    Conflict: Kind(409, Conflict.code, "Conflict"),
    RateLimited: Kind(503, RateLimited.code, "Jira asks to wait", "Jira asked us to wait. Try again later."),
    Unavailable: Kind(
        503,
        Unavailable.code,
        "Not available just now",
        "A server behind this one does not answer just now. Try again in a few seconds.",
    ),
    Misconfigured: Kind(
        503,
        Misconfigured.code,
        "Not set up right",
        "This installation is not set up right. Whoever runs it finds the reason in its log.",
    ),
    SpiralError: INTERNAL,
}
"""Every error that the product raises on purpose; of several classes that fit, the nearest counts."""

_BY_STATUS = {
    400: INVALID,  # how the framework answers a body that it cannot decode
    401: Kind(
        401,
        Unauthenticated.code,
        "Not authenticated",
        "Reading the metrics takes the bearer token that DIGITAL_SPIRAL_METRICS_TOKEN sets.",
        {"WWW-Authenticate": "Bearer"},
    ),
    404: Kind(404, NotFound.code, "Not found", "There is nothing at this address."),
    405: Kind(405, "method_not_allowed", "Method not allowed", "This address does not know this method; see `Allow`."),
    413: Kind(413, "too_large", "Too large", "The body is larger than any request needs."),
}


def add_handlers(app: FastAPI) -> None:
    """Let all errors of ``app`` end as problems."""
    app.add_exception_handler(SpiralError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


def internal_problem(request_id: str) -> Response:
    """Answer for an exception that nobody foresaw; nothing of it is shown."""
    return _problem(INTERNAL, request_id)


def kind_of(error: SpiralError) -> Kind:
    """Return the row of the table for an error."""
    return next(KINDS[cls] for cls in type(error).__mro__ if cls in KINDS)


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, SpiralError)  # noqa: S101 - registered for these
    kind = kind_of(error)
    if kind.detail is not None:
        log.warning("request_failed", extra={"code": kind.code, "reason": str(error)})
    headers = dict(kind.headers)
    if kind.status == 503:
        wait = error.retry_after if isinstance(error, RateLimited) else RETRY_SECONDS
        headers["Retry-After"] = str(max(1, round(wait)))
    return _problem(kind, request.state.request_id, str(error), headers=headers)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for these
    errors = [FieldError(field=_place(each["loc"]), message=_message(each)) for each in error.errors()]
    named = ", ".join(dict.fromkeys(each.field for each in errors))
    return _problem(INVALID, request.state.request_id, f"The request cannot be used; see `errors`: {named}.", errors)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for these
    kind = _BY_STATUS.get(error.status_code, INTERNAL)
    headers = dict(kind.headers)
    if kind.status == 405:
        headers["Allow"] = _allowed(request, error)
    if kind is INVALID:
        return _problem(kind, request.state.request_id, "The body cannot be decoded.", [_BODY], headers)
    if kind is INTERNAL:
        log.error("request_failed", extra={"code": kind.code, "reason": str(error.detail)})
    return _problem(kind, request.state.request_id, headers=headers)


_BODY = FieldError(field="body", message="It is not JSON in UTF-8.")


def _allowed(request: Request, error: HTTPException) -> str:
    """Return the methods of all routes at this address; the framework names those of the first only."""
    template = getattr(request.scope.get("route"), "path", "")
    methods = request.app.openapi()["paths"].get(template)
    if methods is None:
        return (error.headers or {}).get("Allow", "")
    return ", ".join(sorted(method.upper() for method in methods))


def _problem(
    kind: Kind,
    request_id: str,
    detail: str = "",
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    problem = Problem(
        type=f"urn:digital-spiral:problem:{kind.code}",
        title=kind.title,
        status=kind.status,
        detail=kind.detail or detail,
        code=kind.code,
        request_id=request_id,
        errors=list(errors),
    )
    return Response(problem.model_dump_json(), kind.status, headers, MEDIA_TYPE)


def _place(location: Sequence[int | str]) -> str:
    """Return where a field is, such as ``query.limit`` or ``body.kind``."""
    if location[0] == "body" and isinstance(location[-1], int):  # the position of a mistake in the JSON text
        return "body"
    names = [str(part) for part in location]
    return ".".join(name if len(name) <= MAX_NAME else "(a name that is too long)" for name in names)


def _message(error: Mapping[str, Any]) -> str:
    """Return what is wrong as a sentence; the input itself is never repeated."""
    if error["type"] == "extra_forbidden":
        return "There is no such field here."
    if error["type"] == "json_invalid":
        return "It is not JSON."
    message = str(error["msg"]).removeprefix("Value error, ")
    return message if message.endswith(".") else f"{message}."
