"""What leaves the process in a span holds no values of statements, no queries and no secrets."""

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased
from opentelemetry.trace import SpanKind, Status, StatusCode

from digital_spiral.domain.services.redaction import Redaction
from digital_spiral.infrastructure.observability.tracing import _Cleaning, _NoOrphans

EMAIL = "pat@mail.example.com"


@pytest.fixture
def exported() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exported: InMemorySpanExporter) -> TracerProvider:
    made = TracerProvider(sampler=ParentBased(root=_NoOrphans()), shutdown_on_exit=False)
    made.add_span_processor(SimpleSpanProcessor(_Cleaning(exported, Redaction(frozenset({"plain word"})))))
    return made


def only(exported: InMemorySpanExporter) -> ReadableSpan:
    (span,) = exported.get_finished_spans()
    return span


def test_statements_lose_their_literals_and_errors_their_words(
    provider: TracerProvider, exported: InMemorySpanExporter
) -> None:
    statement = "SET LOCAL app.tenant_id = '5f889ba6'; SELECT 'it''s' FROM issues WHERE id = $1"
    span = provider.get_tracer("t").start_span(
        "SELECT", attributes={"db.system": "postgresql", "db.statement": statement}
    )
    span.record_exception(ValueError("Key (name)=(value) already exists"))
    span.set_status(Status(StatusCode.ERROR, "Key (name)=(value) already exists"))
    span.end()
    found = only(exported)
    assert found.attributes is not None
    assert found.attributes["db.statement"] == "SET LOCAL app.tenant_id = '?'; SELECT '?' FROM issues WHERE id = $1"
    assert (found.status.status_code, found.status.description) == (StatusCode.ERROR, None)
    assert not found.events


def test_addresses_lose_their_queries_and_texts_their_secrets(
    provider: TracerProvider, exported: InMemorySpanExporter
) -> None:
    attributes = {
        "http.url": "https://pat:pw@acme.example/rest?jql=assignee",
        "http.target": "/v1/issues?assignee=x",
        "http.user_agent": "curl",
        "net.peer.ip": "10.0.0.1",
        "note": ["plain word", EMAIL],
        "http.status_code": 200,
    }
    span = provider.get_tracer("t").start_span(f"of {EMAIL}", kind=SpanKind.SERVER, attributes=attributes)  # type: ignore[arg-type]
    span.record_exception(ValueError(EMAIL))
    span.end()
    found = only(exported)
    assert found.name == "of [redacted]"
    assert found.attributes == {
        "http.url": "https://pat:[redacted]@acme.example/rest",
        "http.target": "/v1/issues",
        "note": ["[redacted]", "[redacted]"],
        "http.status_code": 200,
    }
    assert EMAIL not in found.to_json()


def test_traces_begin_with_requests_and_messages_only(provider: TracerProvider, exported: InMemorySpanExporter) -> None:
    tracer = provider.get_tracer("t")
    with tracer.start_as_current_span("SELECT", kind=SpanKind.CLIENT):
        pass
    assert not exported.get_finished_spans()
    with (
        tracer.start_as_current_span("GET", kind=SpanKind.SERVER),
        tracer.start_as_current_span("SELECT", kind=SpanKind.CLIENT),
    ):
        pass
    assert [span.name for span in exported.get_finished_spans()] == ["SELECT", "GET"]
