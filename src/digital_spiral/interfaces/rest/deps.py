"""What routes are given: the use cases, and who asks. The tenant of a request comes from its key and nowhere else."""

from collections import Counter
from typing import Annotated

from fastapi import Depends, Header, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from structlog.contextvars import bind_contextvars

from digital_spiral.application.services import Services
from digital_spiral.domain.entities.tenancy import Principal, Scope
from digital_spiral.domain.errors import Forbidden, Unauthenticated
from digital_spiral.interfaces.rest.queries import REPEATABLE

_bearer = HTTPBearer(scheme_name="ApiKey", description="A tenant's API key.", auto_error=False)


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


UseCases = Annotated[Services, Depends(_services)]


async def _caller(
    request: Request,
    scopes: SecurityScopes,
    services: UseCases,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Principal:
    """Return who asks; before that is known, nothing else of the request is looked at.

    Raises:
        Unauthenticated: There is no key, or it is not in force.
        Forbidden: The key lacks a scope that the route asks for.
        RequestValidationError: A parameter that has one value was sent with several.
    """
    if credentials is None:
        raise Unauthenticated
    principal = await services.authenticate.authenticate(credentials.credentials)
    bind_contextvars(tenant_id=str(principal.tenant_id), key=principal.actor.removeprefix("key:"))
    missing = [scope for scope in scopes.scopes if Scope(scope) not in principal.scopes]
    if missing:
        raise Forbidden(f"The API key lacks the scope {', '.join(missing)}. Make a key that has it.")
    _refuse_repetition(request)
    return principal


def _refuse_repetition(request: Request) -> None:
    counted = Counter(name for name, _ in request.query_params.multi_items() if name not in REPEATABLE)
    repeated = [name for name, count in counted.items() if count > 1]
    if repeated:
        raise RequestValidationError(
            [{"type": "repeated", "loc": ("query", name), "msg": "It may come only once"} for name in repeated]
        )


InstancesReader = Annotated[Principal, Security(_caller, scopes=[Scope.READ_INSTANCES.value])]
SyncReader = Annotated[Principal, Security(_caller, scopes=[Scope.READ_SYNC.value])]
SyncWriter = Annotated[Principal, Security(_caller, scopes=[Scope.WRITE_SYNC.value])]
IssuesReader = Annotated[Principal, Security(_caller, scopes=[Scope.READ_ISSUES.value])]


async def document_condition(
    if_none_match: Annotated[
        str | None, Header(alias="If-None-Match", description="An `ETag`; the answer is 304 while it still holds.")
    ] = None,
) -> None:
    """Document the header that routes with an entity tag read by themselves."""
