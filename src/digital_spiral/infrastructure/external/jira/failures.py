"""What a failed exchange with Jira means: which error it is, and how long to wait before the next try.

Sources: Atlassian's rate-limiting page of 2026 (wait ``Retry-After``; without it 2 s, doubled each time up to 30 s,
times 0.7 to 1.3; about four attempts) and its OpenAPI documents for the bodies.
"""

import random
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from digital_spiral.domain.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    SpiralError,
    Unauthorized,
    Unavailable,
)
from digital_spiral.domain.services.redaction import Redaction
from digital_spiral.infrastructure.external.jira.http import httpx
from digital_spiral.infrastructure.external.jira.wire import ErrorBody

_MOST_WORDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to insist. Waits are in seconds; ``longest`` is the longest wait that Jira may ask for.

    ``unreadable_attempts`` counts the tries at an answer that is not the JSON it promises.
    """

    attempts: int = 4
    unreadable_attempts: int = 2
    first: float = 2.0
    most: float = 30.0
    jitter: tuple[float, float] = (0.7, 1.3)
    longest: float = 900.0

    def wait(self, attempt: int, asked: float | None = None) -> float:
        """Seconds to wait after the attempt of this number (from 1); never less than what Jira asked for."""
        backoff = min(self.most, self.first * 2.0 ** (attempt - 1))
        # Jitter only spreads retries; nobody gains by guessing it.
        return max(backoff * random.uniform(*self.jitter), asked or 0.0)  # noqa: S311


IMPATIENT = Patience(attempts=2, first=0.5, longest=30.0)
"""For a person who waits at the terminal."""


class Retry(Exception):
    """An attempt failed in a way that the next one may not; ``error`` is what to raise when there is no next one."""

    def __init__(self, error: SpiralError, *, asked: float | None = None, attempts: int | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.asked = asked
        self.attempts = attempts


def transport_failure(error: httpx.RequestError, host: str) -> Retry | SpiralError:
    """The meaning of an exchange that did not come about."""
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return Unavailable(
            f"The certificate of {host} could not be verified. Check the address, the clock of this machine and, "
            "behind a company proxy, that its certificate is trusted (SSL_CERT_FILE)."
        )
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Retry(Unavailable(f"{host} does not speak TLS as expected. Check the address and its port."))
    if isinstance(error, httpx.UnsupportedProtocol):
        return Invalid(f"{host} cannot be reached by this protocol. The address has to begin with https://.")
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return Retry(Unavailable(f"The name {host} could not be resolved. Check the address and the name server."))
    if isinstance(error, httpx.ProxyError):
        return Retry(Unavailable(f"The proxy on the way to {host} refused. Check HTTPS_PROXY and NO_PROXY."))
    if isinstance(error, httpx.TimeoutException):
        return Retry(Unavailable(f"{host} did not answer in time. Check the network, or try again later."))
    if isinstance(error, httpx.ConnectError):
        return Retry(Unavailable(f"No connection to {host}. Check that the address is right and the server is up."))
    return Retry(Unavailable(f"The connection to {host} broke before the answer was complete."))


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        cause = waiting.pop()
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [cause.__cause__, cause.__context__]
        if isinstance(cause, BaseExceptionGroup):
            waiting += cause.exceptions


def answer_failure(response: httpx.Response, operation: str, redaction: Redaction | None = None) -> Retry | SpiralError:
    """The meaning of an answer that is not a success.

    Args:
        response: The answer.
        operation: What was asked, as ``GET /path``.
        redaction: Hides in the server's words what must not get into messages, such as credentials that it repeats.
    """
    words = (redaction or Redaction()).text(_words(response))
    host = response.url.netloc.decode("ascii")
    status = response.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS:
        asked = requested_wait(response.headers)
        seconds = f"{asked:.0f} s" if asked is not None else "a while"
        return Retry(
            RateLimited(f"Jira at {host} asks to wait {seconds} before more requests.", asked or 0.0), asked=asked
        )
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.REQUEST_TIMEOUT:
        error = Unavailable(
            f"Jira at {host} answers {operation} with error {status}{words}. "
            "Check https://status.atlassian.com, or try again later."
        )
        return Retry(error, asked=requested_wait(response.headers))
    return _refusal(response, operation, words)


def _refusal(response: httpx.Response, operation: str, words: str) -> SpiralError:
    host, status = response.url.netloc.decode("ascii"), response.status_code
    if status == httpx.codes.UNAUTHORIZED:
        captcha = " Jira wants a CAPTCHA first: log in with a browser." if _denied(response) else ""
        return Unauthorized(
            f"Jira at {host} refused the credentials. Check the e-mail address and the API token; "
            f"tokens expire after a year at most.{captcha}"
        )
    if status == httpx.codes.FORBIDDEN:
        return Forbidden(f"The account may not do {operation} at {host}{words}. Ask a Jira administrator for access.")
    if status == httpx.codes.NOT_FOUND:
        return NotFound(f"{operation}: not found at {host}{words}")
    if status == httpx.codes.GONE:
        return Unavailable(f"Jira at {host} no longer offers {operation}{words}. A newer version is needed here.")
    if status == httpx.codes.CONFLICT:
        return Conflict(f"{operation}: conflict at {host}{words}")
    if response.is_redirect:
        target = response.next_request.url.host if response.next_request is not None else "elsewhere"
        return Invalid(f"{host} redirects to {target}; credentials are not sent on. Connect with the final address.")
    return Invalid(f"Jira at {host} did not accept {operation} ({status}){words}")


def _denied(response: httpx.Response) -> bool:
    reason = str(response.headers.get("x-seraph-loginreason", ""))
    return "CAPTCHA" in reason.upper() or "AUTHENTICATION_DENIED" in reason.upper()


def _words(response: httpx.Response) -> str:
    """Jira's own words, if there are any."""
    try:
        body = msgspec.json.decode(response.content, type=ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    words = [*body.error_messages, *(f"{name}: {text}" for name, text in body.errors.items())]
    if body.detail:
        words.append(body.detail)
    return f": {' '.join(words)[:_MOST_WORDS]}" if words else ""


def requested_wait(headers: httpx.Headers, now: datetime | None = None) -> float | None:
    """Seconds that Jira asks to wait: ``Retry-After``, else until ``X-RateLimit-Reset`` (ISO 8601)."""
    seconds = headers.get("retry-after")
    if seconds is not None:
        try:
            return max(0.0, float(seconds))
        except ValueError:
            return None
    reset = headers.get("x-ratelimit-reset")
    if reset is None:
        return None
    try:
        moment = datetime.fromisoformat(reset)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
