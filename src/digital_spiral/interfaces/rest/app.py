"""The REST API: routes, errors and what surrounds them, put together."""

from fastapi import FastAPI

from digital_spiral.application.services import Services
from digital_spiral.interfaces.rest import instances, issues, operations, projects, sync_runs
from digital_spiral.interfaces.rest.document import describe
from digital_spiral.interfaces.rest.operations import Operations
from digital_spiral.interfaces.rest.problems import add_handlers
from digital_spiral.interfaces.rest.requests import BodyLimit, Requests

ROUTERS = (instances.router, sync_runs.router, projects.router, issues.router, operations.router)
TAGS = [{"name": "instances"}, {"name": "issues"}, {"name": "operations"}]


class Api(FastAPI):
    """FastAPI with the document of this door."""

    def openapi(self) -> dict[str, object]:
        """Return the OpenAPI document."""
        return describe(self)


def build_api(services: Services, wiring: Operations) -> FastAPI:
    """Return the API on these use cases, which stay the caller's to close.

    No page that shows the document is offered: those of the framework load programs from other hosts.
    """
    app = Api(
        title="Digital Spiral",
        version="1.0.0",
        summary="A live, provably correct copy of your Jira Cloud sites.",
        openapi_tags=TAGS,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    app.state.operations = wiring
    add_handlers(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(Requests, observe=wiring.observe_request)
    for router in ROUTERS:
        app.include_router(router)
    app.openapi()  # takes a moment, during which nothing else would be answered
    return app
