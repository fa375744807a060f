"""Servers that watch the product from outside: one between it and Jira, and one that collects its spans."""

import asyncio
import base64
import json
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

from digital_spiral.infrastructure.database import migrate
from digital_spiral.infrastructure.embedded.postgres_server import PostgresServer
from digital_spiral.infrastructure.embedded.provisioning import APP_ROLE, OWNER_ROLE
from tests.e2e.installation import Installation, Site, installed

_HOP_HEADERS = frozenset(
    {"connection", "content-length", "content-encoding", "transfer-encoding", "host", "date", "server"}
)


@asynccontextmanager
async def observed(
    home: Path, postgres: PostgresServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Installation]:
    """An installation with a Redis of its own, and a database of its own on the shared server."""
    name = f"test_{uuid.uuid4().hex}"
    postgres.create_database(name)
    await asyncio.to_thread(migrate.upgrade, postgres.url(OWNER_ROLE, name))
    monkeypatch.setenv("DATABASE_URL", postgres.url(APP_ROLE, name))
    monkeypatch.setenv("DATABASE_OWNER_URL", postgres.url(OWNER_ROLE, name))
    monkeypatch.delenv("REDIS_URL", raising=False)
    async with installed(home, site) as made:
        yield made
    postgres.drop_database(name)


async def api_address(installation: Installation) -> str:
    """Start the API on a free port, and return where it is once it says so."""
    installation.start("api", "--port", "0")
    log = installation.home / f"api-{len(installation.running) - 1}.log"

    async def ready() -> str | None:
        lines = [line for line in log.read_text().splitlines() if line.startswith("digital-spiral api ready: ")]
        return lines[0].rpartition(" ")[2] if lines else None

    return await installation.eventually(ready)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Keep the test's output for the test."""

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def _served(handler: type[_Handler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="observer", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Between:
    """Passes requests on to a site, and notes them. ``failing`` is the status of the answers it gives instead.

    Such an answer says everything that a careless server could: it repeats the credentials that came in.
    """

    target: str
    address: str = ""
    failing: int | None = None
    account: tuple[str, str] | None = None
    seen: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def between(target: str) -> Iterator[Between]:
    """Serve a ``Between`` in front of a site."""
    found = Between(target)
    client = httpx2.Client(base_url=target, timeout=60)

    class Door(_Handler):
        def do_GET(self) -> None:
            self._pass_on()

        def do_POST(self) -> None:
            self._pass_on()

        def _pass_on(self) -> None:
            content = self.body()
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.seen.append(headers)
            if found.failing is not None:
                self.answer(found.failing, {"Content-Type": "application/json"}, _careless(headers))
                return
            headers = {name: value for name, value in headers.items() if name not in _HOP_HEADERS}
            if found.account is not None:
                headers["authorization"] = _basic(*found.account)
            reply = client.request(self.command, self.path, content=content, headers=headers)
            kept = {name: value for name, value in reply.headers.items() if name.lower() not in _HOP_HEADERS}
            self.answer(reply.status_code, kept, reply.content)

    with client, _served(Door) as found.address:
        yield found


def _careless(headers: dict[str, str]) -> bytes:
    sent = headers.get("authorization", "")
    spelled = base64.b64decode(sent.partition(" ")[2] or b"").decode("utf-8", "replace")
    account, _, token = spelled.partition(":")
    words = [f"{account} may not: Authorization: {sent}", f"token={token}", f"api_token: {token}"]
    return json.dumps({"errorMessages": words, "errors": {"password": token}}).encode()


def _basic(account: str, token: str) -> str:
    return f"Basic {base64.b64encode(f'{account}:{token}'.encode()).decode()}"


@dataclass(frozen=True)
class Span:
    """A span as the collector got it."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: str
    attributes: dict[str, object]
    text: str

    @property
    def is_sql(self) -> bool:
        """Whether it is of a statement."""
        return "db.statement" in self.attributes


@dataclass
class Collector:
    """Keeps the spans that it is sent."""

    address: str = ""
    requests: int = 0
    spans: list[Span] = field(default_factory=list)

    def of_trace(self, trace_id: str) -> list[Span]:
        """The spans of one trace."""
        return [span for span in list(self.spans) if span.trace_id == trace_id]


@contextmanager
def collecting() -> Iterator[Collector]:
    """Serve a collector that speaks OTLP over HTTP."""
    found = Collector()

    class Door(_Handler):
        def do_POST(self) -> None:
            sent = ExportTraceServiceRequest.FromString(self.body())
            found.requests += 1
            for resource in sent.resource_spans:
                named = {item.key: item.value.string_value for item in resource.resource.attributes}
                for scope in resource.scope_spans:
                    found.spans += [_span(named["service.name"], span) for span in scope.spans]
            self.answer(200, {"Content-Type": "application/x-protobuf"}, b"")

    with _served(Door) as found.address:
        yield found


def _span(service: str, span: WireSpan) -> Span:
    attributes: dict[str, object] = {}
    for item in span.attributes:
        kind = item.value.WhichOneof("value")
        attributes[item.key] = getattr(item.value, kind) if kind else None
    kind = WireSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_")
    return Span(
        service,
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        kind,
        attributes,
        str(span),
    )
