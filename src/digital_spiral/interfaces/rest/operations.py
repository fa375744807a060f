"""`/health`, `/healthz` and `/metrics`: whether the service is well. These need no API key."""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException

from digital_spiral.application.dtos import v1
from digital_spiral.application.ports import Readiness
from digital_spiral.interfaces.rest.document import answers

router = APIRouter(tags=["operations"])


@dataclass(frozen=True, kw_only=True)
class Operations:
    """What this door needs beside the use cases.

    Attributes:
        version: The product's version.
        readiness: Looks at what requests need.
        render_metrics: The metrics in Prometheus' text form, and its content type.
        metrics_token: The bearer token that `/metrics` asks for; None: anybody may read it.
        observe_request: Notes one answered request: method, route template, status, seconds.
    """

    version: str
    readiness: Readiness
    render_metrics: Callable[[], Awaitable[tuple[bytes, str]]]
    metrics_token: str | None = field(repr=False)
    observe_request: Callable[[str, str, int, float], None]


async def _operations(request: Request) -> Operations:
    operations: Operations = request.app.state.operations
    return operations


Wired = Annotated[Operations, Depends(_operations)]


@router.get("/health", operation_id="health", responses=answers(200))
async def health(operations: Wired) -> v1.Health:
    """Say that the process is alive."""
    return v1.Health(status="ok", version=operations.version)


@router.get("/healthz", operation_id="readiness", responses=answers(200) | answers(503, model=v1.Readiness))
async def readiness(operations: Wired, response: Response) -> v1.Readiness:
    """Say whether requests can be served."""
    checks = await operations.readiness()
    ready = all(check.ok for check in checks)
    if not ready:
        response.status_code = 503
    return v1.Readiness(ready=ready, checks=[v1.ReadinessCheck.model_validate(check) for check in checks])


@router.get("/metrics", operation_id="metrics", response_class=PlainTextResponse, responses=answers(200) | answers(401))
async def metrics(operations: Wired, request: Request) -> Response:
    """Read the metrics in the form Prometheus scrapes."""
    if operations.metrics_token is not None:
        sent = request.headers.get("authorization", "")
        if not hmac.compare_digest(sent.encode(), f"Bearer {operations.metrics_token}".encode()):
            raise HTTPException(401)
    content, media_type = await operations.render_metrics()
    return Response(content, media_type=media_type)


@router.get("/openapi.json", include_in_schema=False)
async def document(request: Request) -> Response:
    """Read the contract as the routes fulfil it."""
    return JSONResponse(request.app.openapi())
