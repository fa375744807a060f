"""What the served OpenAPI document says beyond the routes' own types: headers, problems, the key.

A test compares the document with the contract, so nothing here can drift from it.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from digital_spiral.application.dtos.v1 import Problem

DESCRIPTIONS = {
    200: "The answer.",
    202: "It is queued.",
    304: "The answer is the one that the sent ETag names.",
    401: "The key is missing, unknown, expired or revoked.",
    403: "The key lacks the scope that this needs.",
    404: "The tenant has no such thing.",
    409: "The request contradicts the present state, or means more than one thing.",
    413: "The body is larger than any request needs.",
    422: "A parameter or the body cannot be used; `errors` says which and why.",
    503: "A server behind this one does not answer just now; `Retry-After` says when to try again.",
}
_HEADERS = {304: ("ETag",), 401: ("WWW-Authenticate",), 403: ("WWW-Authenticate",), 503: ("Retry-After",)}
_INTEGERS = ("Retry-After",)
_PROBLEM_SCHEMA = {"$ref": "#/components/schemas/Problem"}

Answers = dict[int | str, dict[str, Any]]
"""Documented answers by status, in FastAPI's form."""


def answers(*statuses: int, headers: tuple[str, ...] = (), model: type | None = None) -> Answers:
    """Document answers: each with `X-Request-ID`, and those from 400 on as problems.

    Args:
        statuses: The statuses to document.
        headers: Further headers of these answers.
        model: The body's shape where it is not what the status says by itself.
    """
    documented: Answers = {}
    for status in statuses:
        names = ("X-Request-ID", *headers, *(() if model else _HEADERS.get(status, ())))
        schemas = {name: {"schema": {"type": "integer" if name in _INTEGERS else "string"}} for name in names}
        documented[status] = {"description": DESCRIPTIONS[status], "headers": schemas}
        if model is not None:
            documented[status]["model"] = model
        elif status >= 400:
            documented[status]["content"] = {"application/problem+json": {"schema": _PROBLEM_SCHEMA}}
    return documented


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the document of all routes; it is made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, summary=app.summary, routes=app.routes, tags=app.openapi_tags
        )
        problem = Problem.model_json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
        document["components"]["schemas"] |= problem.pop("$defs") | {"Problem": problem}
        app.openapi_schema = document
    return app.openapi_schema
