"""Traces over API, queue, Jira and SQL, sent to a collector by OTLP over HTTP.

Importing this module loads OpenTelemetry, so it is imported only where an endpoint is configured. What leaves the
process holds no parameters of statements, no query strings, no headers and no secrets.
"""

import re
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import Attributes, AttributeValue
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digital_spiral.domain.services.redaction import Redaction
from digital_spiral.infrastructure.queue import message as queue_message

_EXPORT_DELAY_MS = 1000
_EXPORT_SECONDS = 5.0
_UNTRACED_ROUTES = r"/healthz?$,/metrics$"
_SYSTEM = "db.system"
_ADDRESSES = frozenset({"http.url", "http.target", "url.full", "url.path"})
_NEVER_SENT = frozenset({"url.query", "http.user_agent", "net.peer.ip", "client.address"})
_LITERAL = re.compile(r"'(?:[^']|'')*'")


class Tracing:
    """Makes spans in one process. Made after a fork, not before: a thread of its own sends what is done.

    Args:
        endpoint: The collector's address, without ``/v1/traces``.
        service: Which of the program's processes this is.
        redaction: Takes secrets out of whatever text a span holds.
    """

    def __init__(self, endpoint: str, service: str, redaction: Redaction) -> None:
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=_EXPORT_SECONDS)
        self._provider = TracerProvider(
            sampler=ParentBased(root=_NoOrphans()),
            resource=Resource.create(
                {"service.name": f"digital-spiral-{service}", "service.version": version("digital-spiral")}
            ),
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(_Cleaning(exporter, redaction), schedule_delay_millis=_EXPORT_DELAY_MS)
        )
        self._tracer = self._provider.get_tracer("digital_spiral")
        # Baggage, which is on by default, would carry a caller's values on to Jira.
        propagate.set_global_textmap(TraceContextTextMapPropagator())

    def instrument_engine(self, engine: AsyncEngine) -> None:
        """Make a span of each statement of the engine."""
        # The check refuses SQLAlchemy 2.1 by its number alone.
        SQLAlchemyInstrumentor().instrument(
            engine=engine.sync_engine, tracer_provider=self._provider, skip_dep_check=True
        )

    def instrument_client(self, client: Any) -> None:  # noqa: ANN401 - of httpx2, which is not imported here
        """Make a span of each request of the client, and send the trace's id with it."""
        HTTPX2ClientInstrumentor.instrument_client(client, tracer_provider=self._provider)

    @contextmanager
    def statement(self, sql: str) -> Iterator[None]:
        """Surround a statement that passes SQLAlchemy by; outside of a trace it makes none."""
        if not trace.get_current_span().is_recording():
            yield
            return
        operation = sql.lstrip().partition(" ")[0]
        attributes = {_SYSTEM: "postgresql", "db.operation": operation, "db.statement": sql}
        with self._span(operation, SpanKind.CLIENT, attributes):
            yield

    @contextmanager
    def publishing(self, task: str, headers: MutableMapping[str, Any]) -> Iterator[None]:
        """Surround the sending of a message; its headers carry the trace on."""
        with self._span(f"publish {task}", SpanKind.PRODUCER, _message(task)):
            propagate.inject(headers)
            yield

    @contextmanager
    def running(self, message: queue_message.Message) -> Iterator[None]:
        """Surround the work on a message, within the trace that it names; without one there is no trace."""
        context = propagate.extract(message.trace)
        if not trace.get_current_span(context).get_span_context().is_valid:
            yield
            return
        attributes = _message(message.task) | {f"digital_spiral.{name}": value for name, value in message.ids.items()}
        with self._span(f"run {message.task}", SpanKind.CONSUMER, attributes, context):
            yield

    @contextmanager
    def _span(
        self, name: str, kind: SpanKind, attributes: Attributes, context: Context | None = None
    ) -> Iterator[None]:
        # An exception's text may hold a statement's values; its type says enough.
        span = self._tracer.start_as_current_span(
            name, context, kind, attributes, record_exception=False, set_status_on_exception=False
        )
        with span as current:
            try:
                yield
            except BaseException as error:
                current.set_attribute("error.type", type(error).__qualname__)
                current.set_status(Status(StatusCode.ERROR))
                raise

    def wrap_asgi(self, app: ASGIApp) -> ASGIApp:
        """Make a span of each request to the application, named by its route."""
        return OpenTelemetryMiddleware(
            _named_by_route(app),
            excluded_urls=_UNTRACED_ROUTES,
            default_span_details=lambda scope: (scope.get("method", "HTTP"), {}),
            tracer_provider=self._provider,
            exclude_spans=["receive", "send"],
        )

    def shutdown(self) -> None:
        """Send what is done and not sent yet, and stop; takes a few seconds at most."""
        self._provider.shutdown()
        SQLAlchemyInstrumentor().uninstrument()


def _message(task: str) -> dict[str, AttributeValue]:
    return {"messaging.system": "celery", "messaging.destination.name": task}


def _named_by_route(app: ASGIApp) -> ASGIApp:
    """Give the span of a request the name of its route, once that is found and before the answer ends the span."""

    async def named(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_named(message: Message) -> None:
            route = getattr(scope.get("route"), "path", None)
            if route is not None and message["type"] == "http.response.start":
                span = trace.get_current_span()
                span.update_name(f"{scope['method']} {route}")
                span.set_attribute("http.route", route)
            await send(message)

        await app(scope, receive, send_named)

    return named


class _NoOrphans(Sampler):
    """Begins traces with requests and messages, not with what a process asks of others on its own account."""

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[trace.Link] | None = None,
        trace_state: trace.TraceState | None = None,
    ) -> SamplingResult:
        """Sample unless it is a client's span without a parent."""
        decision = Decision.DROP if kind is SpanKind.CLIENT else Decision.RECORD_AND_SAMPLE
        return SamplingResult(decision, attributes, trace_state)

    def get_description(self) -> str:
        """Name it."""
        return "NoOrphans"


class _Cleaning(SpanExporter):
    """Takes out of spans what shall not leave the process, then passes them on."""

    def __init__(self, exporter: SpanExporter, redaction: Redaction) -> None:
        self._exporter = exporter
        self._redaction = redaction

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the spans."""
        return self._exporter.export([self._cleaned(span) for span in spans])

    def shutdown(self) -> None:
        """Stop sending."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait for what is being sent."""
        return self._exporter.force_flush(timeout_millis)

    def _cleaned(self, span: ReadableSpan) -> ReadableSpan:
        is_sql = _SYSTEM in (span.attributes or {})
        # What a database says of an error quotes values.
        description = None if is_sql or not span.status.description else self._redaction.text(span.status.description)
        return ReadableSpan(
            name=self._redaction.text(span.name),
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=self._attributes(span.attributes),
            events=[] if is_sql else [self._event(event) for event in span.events],
            links=span.links,
            kind=span.kind,
            status=Status(span.status.status_code, description),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )

    def _event(self, event: Event) -> Event:
        return Event(event.name, self._attributes(event.attributes), event.timestamp)

    def _attributes(self, attributes: Attributes) -> dict[str, AttributeValue]:
        return {
            name: self._attribute(name, value) for name, value in (attributes or {}).items() if name not in _NEVER_SENT
        }

    def _attribute(self, name: str, value: AttributeValue) -> AttributeValue:
        if isinstance(value, str):
            if name in _ADDRESSES:
                value = value.partition("?")[0]
            elif name == "db.statement":
                return self._redaction.shapes(_LITERAL.sub("'?'", value))
            return self._redaction.text(value)
        if isinstance(value, Sequence):
            return [self._redaction.text(item) if isinstance(item, str) else item for item in value]
        return value
