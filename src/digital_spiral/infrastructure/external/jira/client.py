"""HTTP towards one Jira site: authentication, pool, time-outs, retries, waits that Jira asks for, typed errors."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self, TypeVar

import msgspec
import stamina

from digital_spiral.domain.entities.jira_instance import Credentials
from digital_spiral.domain.errors import RateLimited, UnreadableAnswer
from digital_spiral.domain.services.redaction import Redaction
from digital_spiral.infrastructure.external.jira.failures import Patience, Retry, answer_failure, transport_failure
from digital_spiral.infrastructure.external.jira.http import httpx
from digital_spiral.infrastructure.external.jira.watch import Watch, endpoint_of

log = logging.getLogger(__name__)

Decoded = TypeVar("Decoded")
Query = Mapping[str, str | int | list[str]]

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds to connect, to wait for the next part of an answer, and to send."""

    connect: float = 10.0
    read: float = 60.0
    write: float = 30.0


@dataclass(slots=True, weakref_slot=True)
class Budget:
    """What all requests to one instance share: how many may be on their way, and until when all have to rest."""

    concurrency: int
    _slots: asyncio.Semaphore = field(init=False)
    _resume_at: float = 0.0

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.concurrency)

    def rest(self, seconds: float) -> None:
        """Let no request start in the next seconds."""
        self._resume_at = max(self._resume_at, asyncio.get_running_loop().time() + seconds)

    async def __aenter__(self) -> None:
        await self._slots.acquire()
        try:
            # A rest may grow while it lasts, and nobody ends it: only time does.
            while (seconds := self._resume_at - asyncio.get_running_loop().time()) > 0:  # noqa: ASYNC110
                await asyncio.sleep(seconds)
        except BaseException:
            self._slots.release()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._slots.release()


class JiraClient:
    """Sends requests that only read, so that each may be sent again.

    Redirects are not followed, so credentials go to no other host. Errors name the host and the operation, never
    the account, its token or a header.

    Args:
        base_url: The site's address, without a path.
        credentials: The account to read as.
        budget: Shared by all clients of the instance.
        patience: How often and how long to retry.
        timeouts: Time-outs of one request.
        transport: Replaces the network.
        watch: Is told of each request.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        *,
        budget: Budget,
        patience: Patience | None = None,
        timeouts: Timeouts | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        watch: Watch | None = None,
    ) -> None:
        limits = timeouts or Timeouts()
        address = httpx.URL(base_url)
        self.requests = 0
        self._budget = budget
        self._patience = patience or Patience()
        self._watch = watch or Watch()
        self._redaction = Redaction(frozenset({credentials.email, credentials.token}))
        self._host = address.netloc.decode("ascii")
        self._http = httpx.AsyncClient(
            base_url=address,
            auth=httpx.BasicAuth(credentials.email, credentials.token),
            headers={"Accept": "application/json"},
            timeout=httpx.Timeout(connect=limits.connect, read=limits.read, write=limits.write, pool=None),
            limits=httpx.Limits(max_connections=budget.concurrency, max_keepalive_connections=budget.concurrency),
            transport=transport,
            # A proxy from the environment cannot reach this machine's own loopback.
            trust_env=address.host not in _LOOPBACK,
        )
        self._watch.instrument(self._http)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def get(
        self, path: str, shape: Callable[[bytes], Decoded], query: Query | None = None, *, insist: bool = True
    ) -> Decoded:
        """GET ``path`` and read the answer with ``shape``; arguments and errors as of ``post``."""
        return await self._read("GET", path, shape, insist=insist, params=query)

    async def post(self, path: str, shape: Callable[[bytes], Decoded], body: object, *, insist: bool = True) -> Decoded:
        """POST a question to ``path`` and read the answer.

        Args:
            path: Below the site's address.
            shape: Reads the answer; an ``UnreadableAnswer`` of it is a reason to ask again.
            body: The question.
            insist: Whether an unreadable answer is asked for again.

        Raises:
            SpiralError: Jira refused, or retries are spent; the kind says which.
        """
        content = msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"}
        return await self._read("POST", path, shape, insist=insist, content=content, headers=headers)

    async def _read(
        self,
        method: str,
        path: str,
        shape: Callable[[bytes], Decoded],
        *,
        insist: bool,
        params: Query | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Decoded:
        request = self._http.build_request(method, path, params=params, content=content, headers=headers)
        attempt = _Attempts(self._patience, insist, self._watch)
        retrying = stamina.retry_context(on=attempt.wait_after, attempts=None, timeout=None)
        try:
            async for one in retrying.with_name(f"{method} {path}", (), {}):
                with one:
                    attempt.number = one.num
                    return shape(await self._send(request, f"{method} {path}"))
        except Retry as failure:
            raise failure.error from failure.__cause__
        raise AssertionError("stamina ended without an attempt")

    async def _send(self, request: httpx.Request, operation: str) -> bytes:
        async with self._budget:
            self.requests += 1
            began, outcome = time.perf_counter(), "cancelled"
            try:
                response = await self._http.send(request)
                outcome = str(response.status_code)
            except httpx.RequestError as error:
                outcome = "timeout" if isinstance(error, httpx.TimeoutException) else "no_answer"
                raise transport_failure(error, self._host) from error
            finally:
                self._note(request, outcome, time.perf_counter() - began)
        if response.is_success:
            return bytes(response.content)
        failure = answer_failure(response, operation, self._redaction)
        if isinstance(failure, Retry) and isinstance(failure.error, RateLimited) and failure.asked:
            self._budget.rest(min(failure.asked, self._patience.longest))
        raise failure

    def _note(self, request: httpx.Request, outcome: str, seconds: float) -> None:
        endpoint = endpoint_of(request.url.path)
        self._watch.answered(endpoint, outcome, seconds)
        log.debug("Jira answered %s %s with %s in %.0f ms.", request.method, endpoint, outcome, seconds * 1000)


@dataclass(slots=True)
class _Attempts:
    """Decides after each attempt of one request whether another follows, and when."""

    patience: Patience
    insist: bool
    watch: Watch
    number: int = 1

    def wait_after(self, error: Exception) -> bool | float:
        """Seconds until the next attempt, or ``False``: the form in which stamina asks."""
        wait = self._wait_after(error)
        if wait is not False:
            self.watch.retried(_reason(error), wait)
        return wait

    def _wait_after(self, error: Exception) -> float | Literal[False]:
        if isinstance(error, UnreadableAnswer):
            most = self.patience.unreadable_attempts if self.insist else 1
            return self.patience.wait(self.number) if self.number < most else False
        if not isinstance(error, Retry) or self.number >= self.patience.attempts:
            return False
        if error.asked is not None and error.asked > self.patience.longest:
            return False
        return self.patience.wait(self.number, error.asked)


def _reason(error: Exception) -> str:
    """Why a request is sent again, in a word for counters."""
    if isinstance(error, UnreadableAnswer):
        return "unreadable"
    if isinstance(error, Retry) and isinstance(error.error, RateLimited):
        return "rate_limited"
    return "no_answer" if isinstance(error.__cause__, httpx.RequestError) else "server_error"
